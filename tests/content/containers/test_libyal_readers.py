"""XFS, APFS and mailboxes of Outlook, through the libraries of libyal."""

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

import reader_lab
from hashaudit.content.containers.first_bytes import sniff
from hashaudit.content.containers.member_source import FileSource
from hashaudit.content.containers.optional_readers import installed_kinds
from hashaudit.content.containers.reader_registry import RANDOM_READERS, load_readers, random_readers
from hashaudit.content.containers.signatures import HEAD_BYTES
from hashaudit.model.containers import ContainerKind
from inside_lab import examine
from kind_lab import read

K = ContainerKind
SEARCHED = "/usr/sbin:/sbin:/usr/bin:/bin"
MAILBOX = Path(os.environ.get("HASHAUDIT_NODE_MODULES", "")) / "pst-extractor/example/testdata/enron.pst"
"""A mailbox of a public collection. A package of npm contains it."""
pytestmark = pytest.mark.skipif(not {K.XFS, K.PST} <= installed_kinds(), reason="needs hashaudit[libyal]")
FILES = {
    "hello.txt": b"hello",
    "big.bin": random.Random(3).randbytes(90_000),
    "deep/er/f.bin": b"f" * 5000,
    "empty": b"",
}


@pytest.fixture(autouse=True)
def readers() -> None:
    load_readers(frozenset((K.XFS, K.APFS, K.PST)))


@pytest.mark.skipif(shutil.which("mkfs.xfs", path=SEARCHED) is None, reason="needs xfsprogs (Debian)")
def test_files_of_xfs_are_what_was_put_in(tmp_path: Path) -> None:
    for number, data in enumerate(FILES.values()):
        (tmp_path / str(number)).write_bytes(data)
    lines = [
        "/x", "0 0", "d--755 0 0", "hello.txt ---644 0 0 0", "big.bin ---644 0 0 1", "deep d--755 0 0", "er d--755 0 0",
        "f.bin ---644 0 0 2", "$", "$", "link l--777 0 0 hello.txt", "empty ---644 0 0 3", "$",
    ]  # fmt: skip
    (tmp_path / "proto").write_text("\n".join(lines) + "\n")
    image = tmp_path / "x.img"
    with image.open("wb") as file:
        file.truncate(20 << 20)
    # These variables are those of the file system's own tests, which use small images.
    environment = {"PATH": SEARCHED, "TEST_DIR": "/x", "TEST_DEV": "/x", "QA_CHECK_FS": "1"}
    subprocess.run(["mkfs.xfs", "-q", "-p", "proto", image], check=True, cwd=tmp_path, env=environment)
    found = examine(image)
    assert found.codes == []
    expected = {(name.encode(),): hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    assert found.digests == expected
    whole = image.read_bytes()
    assert read(K.XFS, whole[: 1 << 20]).codes
    for mutant in reader_lab.damaged(whole[: 2 << 20], 20):
        read(K.XFS, mutant)


@pytest.mark.skipif(shutil.which("mkapfs", path=SEARCHED) is None, reason="needs apfsprogs (Debian)")
def test_an_empty_container_of_apfs_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "apfs"
    with path.open("wb") as file:
        file.truncate(600 << 20)
    subprocess.run(["mkapfs", path], check=True, env={"PATH": SEARCHED})
    with path.open("rb") as file:
        assert sniff(file.read(HEAD_BYTES)) is K.APFS
        assert list(RANDOM_READERS[K.APFS](FileSource(file.fileno(), 600 << 20))) == []
        assert list(random_readers((b"word",))[K.APFS](FileSource(file.fileno(), 600 << 20))) == []
    assert read(K.APFS, bytes(32) + b"NXSB" + bytes(8192)).codes == ["damaged"]


@pytest.mark.skipif(not MAILBOX.exists() or shutil.which("readpst") is None, reason="needs pst-extractor and pst-utils")
def test_attachments_of_a_mailbox_are_those_that_readpst_finds(tmp_path: Path) -> None:
    # Without -j 0 it writes files in several processes, which disturb each other.
    subprocess.run(["readpst", "-j", "0", "-q", "-S", "-o", tmp_path, MAILBOX], check=True, capture_output=True)
    expected = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.isdigit()
    }
    good, codes = read(K.PST, MAILBOX.read_bytes())
    assert len(expected) > 60
    assert (expected - set(good.values()), codes) == (set(), [])


def test_what_is_no_mailbox_is_a_fault() -> None:
    for data in (b"!BDN", b"!BDN" + bytes(5000), bytes(100)):
        assert read(K.PST, data).codes == ["damaged"]
