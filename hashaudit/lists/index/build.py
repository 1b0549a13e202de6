"""Compilation of lists into an index, and merging of indexes."""

import os
import stat
from collections.abc import Mapping, Sequence

from hashaudit.errors import ListError
from hashaudit.lists.compile_request import CompileRequest, Progress
from hashaudit.lists.index.index_layout import MAGIC, is_index
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.list_parser import ListParser, compile_with
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
    parser: ListParser | None = None,
) -> tuple[ListInfo, ...]:
    """Compiles lists, and the lists of compiled indexes, into one index.

    Args:
        specs: lists in the order of their numbers. Lists of an index keep the role that they were compiled with.
        path: of the new index, mode 0600. It appears only when complete, and replaces an index, never another file.
        columns: column of a delimited list -> its field.
        selection: the entries of lists to accept. Compiled indexes are copied completely.
        tolerance: what to accept beyond the defaults.
        progress: receives the number of entries read since its last call.
        parser: a process that has not been used yet; default: a new one.

    Returns:
        The description of each list of the index.

    Raises:
        ListError: a list cannot be used, or the index cannot be written.
    """
    _require_replaceable(path, specs)
    with new_file(path) as target:
        request = CompileRequest(tuple(specs), dict(columns or {}), selection, tolerance)
        compile_with(parser, request, target, os.path.dirname(path) or ".", progress)
        target.flush()
        return ListIndex.open(target.name).infos


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
