"""Compilation of lists into the bytes of one index."""

from typing import BinaryIO

from hashaudit.lists.compile_request import CompileRequest, ParseSpec, Progress
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.ingest import ingest_list
from hashaudit.lists.interface import DigestBlock
from hashaudit.lists.list_directory import open_source


def compile_lists(
    request: CompileRequest, target: BinaryIO, directory: str | None, progress: Progress | None = None
) -> None:
    """Writes an index of lists at the beginning of an empty stream that can be read and positioned.

    Args:
        request: the lists.
        target: receives the index.
        directory: for temporary files without names; default: the system's temporary directory.
        progress: receives the number of entries read since its last call.

    Raises:
        ListError: a list cannot be used.
    """
    with IndexBuilder(directory) as builder:
        for spec in request.specs:
            with open_source(spec.path) as file:
                if file.is_index:
                    copy_lists(builder, ListIndex.open(spec.path), progress)
                else:
                    parse_spec = ParseSpec(spec, request.columns, request.selection, request.tolerance)
                    ingest_list(builder, file, parse_spec, progress)
        builder.write(target)


def copy_lists(builder: IndexBuilder, index: ListIndex, progress: Progress | None = None) -> None:
    """Copies all lists of an index into a builder.

    Raises:
        ListError: the index is damaged.
    """
    # Start-up: it loads numpy, which a scan without compiled indexes may not need.
    from hashaudit.lists.index.entry_reader import EntryReader  # noqa: PLC0415 # as above

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
