"""Frames that may be left off at the end, and in no other way changed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.scan.resume.journal_file import MAGIC, AuthenticatedLog, read_frames

KEY = b"k" * 32
FRAMES = st.lists(st.binary(max_size=40), max_size=6)


def written(folder: str, frames: list[bytes], more: list[bytes], key: bytes = KEY) -> bytes:
    """The path of a file that is made with some frames and gets more."""
    path = os.fsencode(folder) + b"/sealed"
    file = AuthenticatedLog(path, key, set())
    file.replace(frames)
    file.append(more)
    assert file.size == os.path.getsize(path)
    file.close()
    return path


def read(path: bytes, key: bytes = KEY) -> list[bytes]:
    return list(read_frames(path, key))


@given(frames=FRAMES, more=FRAMES)
def test_what_is_written_is_read(frames: list[bytes], more: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, frames, more)
        assert read(path) == frames + more
        assert read(path, b"other") == []


@given(frames=FRAMES, data=st.data())
def test_a_torn_end_is_left_off(frames: list[bytes], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, [], frames)
        size = data.draw(st.integers(0, os.path.getsize(path)))
        os.truncate(path, size)
        got = read(path)
        assert got == frames[: len(got)]
        ends = [len(MAGIC) + 16]
        for frame in frames:
            ends.append(ends[-1] + 20 + len(frame))
        assert len(got) == max(sum(end <= size for end in ends) - 1, 0)


@given(frames=FRAMES, data=st.data())
def test_nothing_behind_a_changed_byte_is_read(frames: list[bytes], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, [], frames)
        with open(path, "r+b") as file:
            place = data.draw(st.integers(0, os.path.getsize(path) - 1))
            file.seek(place)
            old = file.read(1)[0]
            file.seek(place)
            file.write(bytes([old ^ data.draw(st.integers(1, 255))]))
        got = read(path)
        assert got == frames[: len(got)]
        begins = len(MAGIC) + 16 + sum(20 + len(frame) for frame in got)
        assert place < begins + 20 + len(frames[len(got)]) if len(got) < len(frames) else not frames


@given(first=st.binary(max_size=9), second=st.binary(max_size=9))
def test_frames_cannot_be_moved_repeated_or_brought_from_elsewhere(first: bytes, second: bytes) -> None:
    with TemporaryDirectory() as folder, TemporaryDirectory() as other:
        path = written(folder, [], [first, second])
        with open(path, "rb") as file:
            data = file.read()
        head = data[: len(MAGIC) + 16]
        one = data[len(head) : len(head) + 20 + len(first)]
        two = data[len(head) + len(one) :]
        with open(written(other, [], [first]), "rb") as file:
            foreign = file.read()[len(head) :]
        for changed, expected in [
            (two + one, []),
            (two, []),
            (one + one, [first]),
            (foreign, []),
            (one + foreign, [first]),
            (one + two + two, [first, second]),
        ]:
            with open(path, "wb") as file:
                file.write(head + changed)
            assert read(path) == expected


def test_a_length_beyond_the_end_reads_nothing(tmp_path: Path) -> None:
    path = written(str(tmp_path), [], [b"one"])
    with open(path, "r+b") as file:
        file.seek(len(MAGIC) + 16)
        file.write(b"\xff\xff\xff\xff")
    assert read(path) == []


def test_a_new_file_replaces_the_old_one_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own: set[tuple[int, int]] = set()
    path = os.fsencode(tmp_path / "f")
    file = AuthenticatedLog(path, KEY, own)
    file.replace([b"old"])
    state = os.stat(path)
    assert own == {(state.st_dev, state.st_ino)}
    assert state.st_mode & 0o777 == 0o600
    for name in ("write", "fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing(errno.ENOSPC))
            with pytest.raises(OSError, match="No space"):
                file.replace([b"new"])
        assert read(path) == [b"old"]
        assert os.listdir(tmp_path) == ["f"]
    file.append([b"more"])
    assert read(path) == [b"old", b"more"]
    file.replace([b"new"])
    assert read(path) == [b"new"]
    state = os.stat(path)
    assert own == {(state.st_dev, state.st_ino)}
    file.remove()
    assert own == set()
    assert os.listdir(tmp_path) == []
    file.remove()


def failing(number: int) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail
