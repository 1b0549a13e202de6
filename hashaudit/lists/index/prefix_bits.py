"""Size of the prefix table of a digest section."""

LEADING_BYTES = 4
"""Leading bytes of a digest that select its slot, as a big-endian number."""

_RECORDS_PER_SLOT_LOG2 = 1
"""Two to four records share a slot of the prefix table. It then takes a tenth of the space of sha256 digests, and a
miss reads one or two cache lines of digests."""

_MIN_PREFIX_BITS = 8
_MAX_PREFIX_BITS = 24
"""Maximum prefix, for a table of 64 MiB. Beyond it, a lookup in a hundred million entries gains less than the
larger table costs the cache."""


def prefix_bits(records: int) -> int:
    """Returns the number of leading bits by which a section with this many records is divided."""
    bits = records.bit_length() - 1 - _RECORDS_PER_SLOT_LOG2
    return min(max(bits, _MIN_PREFIX_BITS), _MAX_PREFIX_BITS)
