"""Entries for the journal of systemd, by its native protocol.

Source: systemd's "Native Journal Protocol" (docs/JOURNAL_NATIVE_PROTOCOL.md) and systemd.journal-fields(7).
"""

import os
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

SOCKET_PATH = "/run/systemd/journal/socket"

MAX_VALUE_BYTES = 4096
"""A longer value is cut, so that an entry fits into one datagram."""

MAX_ENTRY_BYTES = 128 << 10
"""Below net.core.wmem_default of Linux, 208 KiB. Further fields of a longer entry are omitted."""

_SEND_TIMEOUT_S = 5.0
"""A journal that takes nothing does not stop a scan."""

Field = tuple[str, str | bytes | int]
"""Name and value. A name may occur several times."""


class JournalSocket:
    """A context manager that sends entries to the journal.

    Args:
        path: of the journal's socket.

    Raises:
        OSError: nothing receives entries there.
    """

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(_SEND_TIMEOUT_S)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, fields: Iterable[Field]) -> None:
        """Sends one entry.

        Raises:
            OSError: the journal does not take it.
        """
        entry = bytearray()
        for field in fields:
            raw = serialized(field)
            if len(entry) + len(raw) <= MAX_ENTRY_BYTES:
                entry += raw
        self._socket.send(entry)

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()


def serialized(field: Field) -> bytes:
    """Returns a field in the form of the protocol: with its length, if the value has a line feed."""
    name, value = field
    raw = value if isinstance(value, bytes) else str(value).encode(errors="surrogateescape")
    raw = raw[:MAX_VALUE_BYTES]
    if b"\n" not in raw:
        return name.encode() + b"=" + raw + b"\n"
    return os.fsencode(name) + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"
