"""The copy of the lists on one host."""

import os
import tempfile
from pathlib import Path

import blake3
import pytest

from hashaudit.errors import HostError
from hashaudit.workers.dask import list_store
from hashaudit.workers.dask.list_store import ListStore, remove_orphans
from hashaudit.workers.dask.protocol import ListFile

RUN = "0" * 32


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def of(content: bytes) -> ListFile:
    return ListFile(blake3.blake3(content).hexdigest(), len(content))


def test_a_complete_list_is_removed_with_its_last_user(temporary: Path) -> None:
    store, file = ListStore(RUN), of(b"abcdef")
    store.store(file, 0, b"abc")
    assert not store.has(file.digest)
    store.store(file, 3, b"def")
    assert store.has(file.digest)
    path = Path(store.path(file.digest))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"abcdef", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with store.used():
        with ListStore(RUN).used():
            pass
        assert path.exists()
    assert list(temporary.iterdir()) == []


def test_another_content_is_refused() -> None:
    store = ListStore(RUN)
    with pytest.raises(HostError, match="corrupted in transfer"):
        store.store(of(b"abcdef"), 0, b"abcdeg")
    assert not store.has(of(b"abcdef").digest)


def test_a_chunk_out_of_order_is_rejected() -> None:
    store, file = ListStore(RUN), of(b"abcdef")
    store.store(file, 0, b"abc")
    with pytest.raises(HostError, match="out of order"):
        store.store(file, 4, b"ef")


@pytest.mark.parametrize("name", ["", "..", "/" * 32, "g" * 32, RUN + "0"])
def test_a_run_is_named_by_its_token_alone(name: str) -> None:
    with pytest.raises(HostError):
        ListStore(name)


@pytest.mark.parametrize("digest", ["", "../x", "0" * 63, "lock"])
def test_a_file_is_named_by_its_digest_alone(digest: str) -> None:
    with pytest.raises(HostError):
        ListStore(RUN).path(digest)


def test_a_folder_that_others_can_enter_is_refused(temporary: Path) -> None:
    ListStore(RUN)
    (folder,) = temporary.iterdir()
    folder.chmod(0o755)
    with pytest.raises(HostError, match="others can access"):
        ListStore(RUN)


def test_what_killed_processes_left_is_removed_and_what_is_used_or_new_stays(temporary: Path) -> None:
    long_ago = 1_000_000_000
    names = []
    for number in range(3):
        store = ListStore(f"{number:032}")
        store.store(of(b"abc"), 0, b"abc")
        names.append(Path(store.path("0" * 64)).parent)
    other = temporary / "others-folder"
    other.mkdir()
    for folder in (names[0], names[1], other):
        for path in (*folder.iterdir(), folder):
            os.utime(path, (long_ago, long_ago))
    with ListStore(f"{1:032}").used():
        (names[1] / "lock").touch()
        for path in (*names[1].iterdir(), names[1]):
            os.utime(path, (long_ago, long_ago))
        remove_orphans()
        assert [folder.exists() for folder in (*names, other)] == [False, True, True, True]


def test_workers_that_share_the_folder_say_the_same() -> None:
    assert list_store.share() == list_store.share()
