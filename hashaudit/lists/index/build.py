"""Compilation of lists into an index, and merging of indexes."""

import os
import stat
from collections.abc import Mapping, Sequence

from hashaudit.errors import ListError
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.entry_reader import EntryReader
from hashaudit.lists.index.index_layout import MAGIC, is_index
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.ingest import ParseSpec, Progress, ingest_list
from hashaudit.lists.interface import DigestBlock, ListInfo, ListSpec
from hashaudit.lists.list_directory import open_source
from hashaudit.lists.selection import EVERYTHING, Selection
from hashaudit.lists.tolerance import DEFAULT_TOLERANCE, Tolerance


def build_index(
    specs: Sequence[ListSpec],
    path: str,
    *,
    columns: Mapping[str, str] | None = None,
    selection: Selection = EVERYTHING,
    tolerance: Tolerance = DEFAULT_TOLERANCE,
    progress: Progress | None = None,
) -> tuple[ListInfo, ...]:
    """Compiles lists, and the lists of compiled indexes, into one index.

    Args:
        specs: lists in the order of their numbers. Lists of an index keep the role that they were compiled with.
        path: of the new index, mode 0600. It appears only when complete, and replaces an index, never another file.
        columns: column of a delimited list -> its field.
        selection: the entries of lists to accept. Compiled indexes are copied completely.
        tolerance: what to accept beyond the defaults.
        progress: receives the number of entries read since its last call.

    Returns:
        The description of each list of the index.

    Raises:
        ListError: a list cannot be used, or the index cannot be written.
    """
    _require_replaceable(path, specs)
    with new_file(path) as target, IndexBuilder(os.path.dirname(path) or ".") as builder:
        for spec in specs:
            with open_source(spec.path) as file:
                if file.is_index:
                    copy_lists(builder, ListIndex.open(spec.path), progress)
                else:
                    ingest_list(builder, file, ParseSpec(spec, dict(columns or {}), selection, tolerance), progress)
        return builder.write(target)


def _require_replaceable(path: str, specs: Sequence[ListSpec]) -> None:
    """Refuses to replace an input, and any file that is not a compiled index."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise ListError(f"not a compiled index: '{path}'; it is not a regular file", hint="choose another name")
        with open(path, "rb") as file:
            head = file.read(len(MAGIC))
        inputs = [spec.path for spec in specs if os.path.exists(spec.path) and os.path.samefile(spec.path, path)]
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListError(f"cannot write index: '{path}'; {error.strerror}") from error
    if inputs:
        raise ListError(f"cannot write index: '{path}'; it is one of the inputs", hint="choose another name")
    if not is_index(head):
        raise ListError(f"already exists: '{path}'; only a compiled index is ever replaced", hint="choose another name")


def copy_lists(builder: IndexBuilder, index: ListIndex, progress: Progress | None = None) -> None:
    """Copies all lists of an index into a builder.

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
