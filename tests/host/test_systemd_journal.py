"""The native protocol of the journal: fields with and without line feeds, several of one name, and limits."""

import socket
from pathlib import Path

import pytest

from hashaudit.host.systemd_journal import MAX_ENTRY_BYTES, MAX_VALUE_BYTES, Field, JournalSocket, serialized


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (("MESSAGE", "text"), b"MESSAGE=text\n"),
        (("PRIORITY", 3), b"PRIORITY=3\n"),
        (("A", "x=y"), b"A=x=y\n"),
        (("A", ""), b"A=\n"),
        (("A", b"\xff"), b"A=\xff\n"),
        (("A", "\udcff"), b"A=\xff\n"),
        (("A", "x\ny"), b"A\n\x03\0\0\0\0\0\0\0x\ny\n"),
        (("A", "x" * 5000), b"A=" + b"x" * MAX_VALUE_BYTES + b"\n"),
    ],
)
def test_a_field_has_the_form_of_the_protocol(field: Field, expected: bytes) -> None:
    assert serialized(field) == expected


def test_an_entry_is_one_datagram(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with pytest.raises(FileNotFoundError):
        JournalSocket(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        with JournalSocket(path) as journal:
            journal.send([("MESSAGE", "a"), ("LIST", "b"), ("LIST", "c")])
            assert receiver.recv(1 << 16) == b"MESSAGE=a\nLIST=b\nLIST=c\n"
            # As much as an entry may have fits.
            journal.send([("F", b"\n" * 9999)] * 1000)
            received = receiver.recv(1 << 20)
            assert len(received) == MAX_ENTRY_BYTES // (MAX_VALUE_BYTES + 11) * (MAX_VALUE_BYTES + 11)
