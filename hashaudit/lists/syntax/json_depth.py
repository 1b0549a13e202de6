"""Limit on the nesting of JSON: the time of a streaming parser grows with the square of the depth."""

from itertools import accumulate

MAX_DEPTH = 64
"""Maximum depth; events with nested objects reach about ten."""

_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
"""The change of depth at a bracket, as a signed byte."""


class DepthMeter:
    """The nesting depth of a JSON text that is read in pieces. Brackets in strings do not count."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._held = b""

    def exceeds(self, piece: bytes) -> bool:
        """Adds the next piece and returns whether nesting is deeper than :data:`MAX_DEPTH` in it."""
        steps = memoryview(self._brackets(piece).translate(_STEPS)).cast("b")
        deepest = max(accumulate(steps, initial=self._depth))
        self._depth += sum(steps)
        return deepest > MAX_DEPTH

    def _brackets(self, piece: bytes) -> bytes:
        text = self._held + piece
        # An escape split between two pieces waits for its other half.
        ends_in_escape = (len(text) - len(text.rstrip(b"\\"))) % 2
        self._held = text[len(text) - ends_in_escape :]
        text = text[: len(text) - ends_in_escape].replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = text.split(b'"')
        outside = b"".join(parts[1::2] if self._in_string else parts[::2])
        self._in_string ^= len(parts) % 2 == 0
        return outside.translate(None, _NOT_BRACKETS)
