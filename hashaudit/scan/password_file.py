"""Reads the passwords that are tried on encrypted members. They are never shown, recorded or journalled."""

import os

from hashaudit.errors import UsageError
from hashaudit.model.paths import for_terminal

MAX_PASSWORDS = 100
"""Each costs a thousand rounds of SHA-1 for each member that is encrypted with AES."""
MAX_FILE_BYTES = 1 << 20

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_passwords(path: str) -> tuple[bytes, ...]:
    """Returns the passwords in a file: one a line, as exact bytes without the line end; empty lines are ignored.

    Raises:
        UsageError: the file cannot be read, or has no password or too many.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {_named(path)}; {error.strerror}") from error
    lines = data.removeprefix(_BYTE_ORDER_MARK).split(b"\n")
    passwords = tuple(dict.fromkeys(filter(None, (line.removesuffix(b"\r") for line in lines))))
    if not passwords:
        raise UsageError(f"cannot use {_named(path)}; it has no password", hint="write one password a line")
    if len(passwords) > MAX_PASSWORDS or len(data) > MAX_FILE_BYTES:
        raise UsageError(
            f"cannot use {_named(path)}; it has more than {MAX_PASSWORDS} passwords or {MAX_FILE_BYTES} bytes",
            hint="keep the likely ones",
        )
    return passwords


def _named(path: str) -> str:
    return f"the file of passwords: '{for_terminal(os.fsencode(path))}'"
