"""The defects and marks of a list that a user accepts beyond the defaults."""

import msgspec

from hashaudit.lists.malformed_limit import MalformedLimit


class Tolerance(msgspec.Struct, frozen=True):
    """Defects and marks that the user accepts beyond the defaults."""

    max_malformed: MalformedLimit | None = None
    """Limit given by the user, which then holds for strict formats too; ``None`` for the default."""
    include_unmarked: bool = False
    """True to accept entries that the list does not mark for detection."""


DEFAULT_TOLERANCE = Tolerance()
