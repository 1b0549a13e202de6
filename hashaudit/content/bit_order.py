"""The table that reverses the bits of each byte."""

REVERSED_BITS = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
"""For ``bytes.translate``."""
