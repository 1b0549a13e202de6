"""Writes a result to a new file with mode 0600, or to standard output."""

import os
from collections.abc import Iterator

from hashaudit.errors import OutputError
from hashaudit.record.output import Output
from hashaudit_cli.ui.terminal import quote, standard_output


def refuse_existing(path: str | None) -> None:
    """Ends a command before long work if its output exists.

    Raises:
        OutputError: it exists.
    """
    if path is not None and os.path.lexists(path):
        shown = quote(os.fsencode(path))
        raise OutputError(f"already exists: '{shown}'; hashaudit never overwrites it", hint="choose another name")


def write_new(path: str | None, pieces: Iterator[bytes]) -> None:
    """Writes all pieces, and nothing if one of them cannot be made.

    Args:
        path: a new file; ``None`` stands for standard output.
        pieces: the content.

    Raises:
        OutputError: the file exists or cannot be written.
    """
    content = b"".join(pieces)
    if path is None:
        standard_output().write(content)
        return
    output = Output.create(path)
    try:
        output.write(content)
        output.sync()
    finally:
        output.close()
