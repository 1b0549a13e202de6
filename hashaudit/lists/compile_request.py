"""Requests to compile lists: what determines the content of an index, besides the lists' own content."""

from collections.abc import Callable

import msgspec

from hashaudit.lists.interface import ListSpec, ParseOptions
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.lists.tolerance import DEFAULT_TOLERANCE, Tolerance

Progress = Callable[[int], None]
"""Callback that receives the number of entries read since its last call."""


class ParseSpec(msgspec.Struct, frozen=True):
    """The settings that, with the content of a list, determine the content of its index."""

    spec: ListSpec
    columns: dict[str, str] = {}
    """Column of a delimited list -> its field."""
    selection: Selection = EVERYTHING
    tolerance: Tolerance = DEFAULT_TOLERANCE

    @property
    def parse_options(self) -> ParseOptions:
        """The settings for the list's parser."""
        return ParseOptions(
            algorithm=self.spec.algorithm, columns=self.columns, include_unmarked=self.tolerance.include_unmarked
        )


class CompileRequest(msgspec.Struct, frozen=True):
    """Lists to compile together, in the order of their numbers."""

    specs: tuple[ListSpec, ...]
    """Lists of a compiled index keep the role that they were compiled with, and are copied completely."""
    columns: dict[str, str] = {}
    """Column of a delimited list -> its field."""
    selection: Selection = EVERYTHING
    """The entries of lists to accept."""
    tolerance: Tolerance = DEFAULT_TOLERANCE
    """Defects and marks of lists to accept."""
