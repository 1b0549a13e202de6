"""Compiling lists into an index of the user's own, and merging indexes: the same work with other input."""

import os
from collections.abc import Mapping, Sequence

from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.ingest import ParseSpec, Progress, take_list
from hashaudit.lists.interface import DigestBlock, ListInfo, ListSpec
from hashaudit.lists.list_folder import open_source
from hashaudit.lists.selection import EVERYTHING, Selection


def build_index(
    specs: Sequence[ListSpec],
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    selection: Selection = EVERYTHING,
    progress: Progress | None = None,
) -> tuple[ListInfo, ...]:
    """Compiles lists, and the lists of compiled indexes, into one index.

    Args:
        specs: in the order of their numbers. Lists of an index keep the role that they were compiled with.
        path: where the index goes, mode 0600. It appears when it is whole, and replaces what was there.
        columns: of delimited lists, column -> what it holds.
        selection: which entries of lists are kept. Compiled indexes are taken whole.
        progress: is told now and then how many more entries have been taken.

    Returns:
        What is known of each list of the index.

    Raises:
        ListError: a list cannot be used, or the index not be written.
    """
    with new_file(path) as target, IndexBuilder(os.path.dirname(path) or ".") as builder:
        for spec in specs:
            with open_source(spec.path) as file:
                if file.is_index:
                    copy_lists(builder, ListIndex.open(spec.path), progress)
                else:
                    take_list(builder, file, ParseSpec(spec, dict(columns or {}), selection), progress)
        return builder.write(target)


def copy_lists(builder: IndexBuilder, index: ListIndex, progress: Progress | None = None) -> None:
    """Takes all lists of an index into a builder.

    Raises:
        ListError: the index is damaged.
    """
    reader = EntryReader(index)
    for position, info in enumerate(index.infos):
        builder.begin(info.role)
        for item in reader.entries(position):
            before = builder.rows
            if isinstance(item, DigestBlock):
                builder.add_block(item)
            else:
                builder.add(item)
            if progress is not None:
                progress(builder.rows - before)
        builder.end(info)
