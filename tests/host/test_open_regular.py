"""What is not a regular file is refused at once wherever a file of this program is expected, and never waited for."""

import os
import signal
import socket
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from hashaudit.errors import HashauditError
from hashaudit.host.files import open_regular
from hashaudit.lists.bloom import BloomFilter
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.list_file import ListFile
from hashaudit.record.output import SIDECAR_SUFFIX, Output
from hashaudit.record.verify.verifier import verify_file
from hashaudit.scan.categories import scheme_named
from hashaudit.scan.merge_shards import merge_shards
from hashaudit.scan.resume.journal_file import read_frames
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.key_files import load_key
from hashaudit.signing.public_key import load_public_key

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")

KINDS = ("fifo", "socket", "directory", "device", "link to a fifo")


def plant(path: Path, kind: str) -> None:
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            here = os.getcwd()
            os.chdir(path.parent)  # a socket's path is short
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path.name)
            os.chdir(here)
        case "directory":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            os.mkfifo(f"{path}.fifo")
            path.symlink_to(f"{path}.fifo")


@pytest.fixture(autouse=True)
def _impatience() -> Generator[None]:
    """Ends a test that waits."""

    def give_up(*_: object) -> None:
        raise AssertionError("it was waited for")

    former = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, former)


def read_sidecar(path: Path) -> None:
    findings = path.with_name(path.name.removesuffix(".sig"))
    findings.write_bytes(b"{}\n")
    verify_file(str(findings))


def write_sidecar(path: Path) -> None:
    findings = path.with_name(path.name.removesuffix(".sig"))
    findings.touch(mode=0o600)
    output = Output.reopen(str(findings))
    try:
        output.complete_sidecar("signature")
    finally:
        output.close()


READERS: dict[str, Callable[[Path], object]] = {
    "any file": lambda path: open_regular(str(path)),
    "findings": lambda path: verify_file(str(path)),
    "findings to resume": lambda path: Output.reopen(str(path)),
    "sidecar to verify": read_sidecar,
    "sidecar to write": write_sidecar,
    "shard": lambda path: merge_shards([os.fsencode(path)], None),
    "journal": lambda path: list(read_frames(os.fsencode(path), b"")),
    "allowed signers": lambda path: AllowedSigners.load(str(path)),
    "key": lambda path: load_key(str(path)),
    "public key": lambda path: load_public_key(str(path)),
    "list": lambda path: ListFile(str(path)),
    "index": lambda path: ListIndex.open(str(path)),
    "bloom filter": lambda path: BloomFilter(str(path)),
    "category scheme": lambda path: scheme_named(str(path)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", READERS)
def test_it_is_refused_at_once(place: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"findings{SIDECAR_SUFFIX.decode()}"
    plant(path, kind)
    before = os.listdir("/proc/self/fd")
    with pytest.raises((HashauditError, OSError)):
        READERS[place](path)
    assert os.listdir("/proc/self/fd") == before


def test_a_pipe_that_the_process_holds_is_read_by_its_name_alone(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"content")
    os.close(writing)
    with open_regular(f"/dev/fd/{reading}") as stream:
        assert stream.read() == b"content"
    (tmp_path / "link").symlink_to(f"/dev/fd/{reading}")
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(str(tmp_path / "link"))
    os.close(reading)


def test_a_regular_file_and_a_link_to_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(str(tmp_path / name)) as stream:
            assert stream.read() == b"content"


def test_what_takes_its_place_at_the_last_moment_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.touch()
    regular = os.stat(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda _path: regular)
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(str(path))
