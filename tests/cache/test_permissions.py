"""Access rights of a cache, and the handling of a damaged one."""

import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from cache_lab import scan
from hashaudit.cache import permissions
from hashaudit.cache.database import Store
from hashaudit.cache.fingerprints import wanted
from hashaudit.cache.hash_cache import Cache
from hashaudit.errors import CacheError
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName
from hashaudit.record.run_id import new_run_id


def opened(cache: Path) -> list[str]:
    """What opening a cache warns of."""
    warnings: list[str] = []
    Cache(str(cache), warn=warnings.append).close()
    return warnings


def private(cache: Path) -> None:
    """Nothing is wrong."""


def readable(cache: Path) -> None:
    cache.chmod(0o640)


def writable(cache: Path) -> None:
    cache.chmod(0o602)


def writable_log(cache: Path) -> None:
    log = cache.with_name(cache.name + "-wal")
    log.touch()
    log.chmod(0o666)


def writable_folder(cache: Path) -> None:
    cache.parent.chmod(0o1777)


def given_away(cache: Path) -> None:
    os.chown(cache, 12345, -1)


def linked(cache: Path) -> None:
    cache.rename(cache.with_name("elsewhere"))
    cache.symlink_to("elsewhere")


def a_folder(cache: Path) -> None:
    cache.unlink()
    cache.mkdir()


def another_programs(cache: Path) -> None:
    with sqlite3.connect(cache) as connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()


ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.mark.parametrize(
    "change",
    [
        readable,
        writable,
        writable_log,
        writable_folder,
        pytest.param(given_away, marks=ROOT_ONLY),
        linked,
        a_folder,
        another_programs,
    ],
)
def test_what_others_could_have_filled_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    cache = folder / "c.db"
    assert opened(cache) == opened(cache) == []
    assert cache.stat().st_mode & 0o777 == 0o600
    names = set(os.listdir(folder))
    change(cache)
    with pytest.raises(CacheError):
        opened(cache)
    assert set(os.listdir(folder)) >= names, "nothing is renamed"


def cut(cache: Path) -> None:
    os.truncate(cache, cache.stat().st_size - 3000)


def zeroed(cache: Path) -> None:
    cache.write_bytes(bytes(cache.stat().st_size))


def torn(cache: Path) -> None:
    content = bytearray(cache.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    cache.write_bytes(content)


def other_version(cache: Path) -> None:
    with sqlite3.connect(cache) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def without_a_table(cache: Path) -> None:
    with sqlite3.connect(cache) as connection:
        connection.execute("DROP TABLE run")
    connection.close()


@pytest.mark.parametrize("damage", [cut, torn, other_version, without_a_table])
def test_a_damaged_cache_is_moved_to_a_backup_and_replaced(
    tree: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    (tree / "file").write_bytes(b"content")
    cache = tmp_path / "c.db"
    first = scan(tree, cache)
    damage(cache)
    content = cache.read_bytes()
    (cache.parent / "c.db-wal").write_bytes(b"left behind")
    (cache.parent / "c.db-wal").chmod(0o600)
    second = scan(tree, cache)
    assert second.found == first.found
    assert second.recalled == 0
    (warning,) = second.warnings
    assert "c.db.damaged" in warning
    assert (tmp_path / "c.db.damaged").read_bytes() == content
    assert scan(tree, cache).recalled == 1
    damage(cache)
    assert "c.db.damaged-2" in scan(tree, cache).warnings[0]


def test_a_file_that_no_longer_shows_that_it_is_a_cache_is_refused_untouched(tree: Path, tmp_path: Path) -> None:
    (tree / "file").write_bytes(b"content")
    cache = tmp_path / "c.db"
    scan(tree, cache)
    zeroed(cache)
    content = cache.read_bytes()
    with pytest.raises(CacheError, match="not a cache"):
        scan(tree, cache)
    assert cache.read_bytes() == content
    assert [path.name for path in tmp_path.glob("c.db*")] == ["c.db"]


def test_damage_that_shows_later_ends_the_use_of_the_cache_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    warnings: list[str] = []
    with Cache(str(path), warn=warnings.append) as cache:
        assert cache._store is not None
        cache._give_up(sqlite3.DatabaseError("malformed"))
        at = Entry(Location(DirectoryRef(b"/srv", 1, 2), b"name"), Stat(0, 1, 2, 1, 5, 0, 0))
        assert cache.look_up(at, (b"name",), (at.stat,)) is None
        cache.begin("01890a5d-ac96-774b-bcce-b302099a8057")
    assert len(warnings) == 1
    assert "c.db.damaged" in warnings[0]
    assert not path.exists()
    assert opened(path) == []


def test_a_cache_that_another_scan_has_replaced_is_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    warnings: list[str] = []
    with Cache(str(path), warn=warnings.append) as cache:
        os.rename(path, tmp_path / "old")
        assert opened(path) == []
        cache._give_up(sqlite3.DatabaseError("malformed"))
    assert path.exists()
    assert not (tmp_path / "c.db.damaged").exists()
    assert len(warnings) == 1


def test_own_files_are_all_files_of_the_cache(tmp_path: Path) -> None:
    with Cache(str(tmp_path / "c.db"), warn=pytest.fail) as cache:
        inodes = {(one.stat().st_dev, one.stat().st_ino) for one in tmp_path.iterdir()}
        assert len(inodes) == 3
        assert cache.own_files == inodes == permissions.identities(os.fsencode(tmp_path / "c.db"))


def open_at(path: str, barrier: Barrier, warnings: "Queue[str]") -> None:
    barrier.wait()
    try:
        with Cache(path, warn=warnings.put) as cache:
            cache.prepare(wanted([AlgorithmName("sha256")], None))
            cache.begin(new_run_id(time.time_ns()))
    except CacheError as error:
        warnings.put(str(error))


def test_several_runs_may_begin_the_cache_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for turn in range(20):
        barrier, warnings = context.Barrier(4), context.Queue()
        folder = tmp_path / str(turn)
        folder.mkdir()
        runs = [context.Process(target=open_at, args=(str(folder / "c.db"), barrier, warnings)) for _ in range(4)]
        for run in runs:
            run.start()
        for run in runs:
            run.join(60)
        assert warnings.empty(), warnings.get()
        with Store(os.fsencode(folder / "c.db"), create=False) as store:
            assert len(store.run_ids()) == 4
