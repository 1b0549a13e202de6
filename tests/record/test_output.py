"""Where findings go, and that a failed write is never taken for a good one."""

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashaudit.errors import OutputClosedError, OutputError
from hashaudit.record.output import Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/f\xff"
    output = Output.create(path)
    output.write(b"one\n")
    output.write(b"two\n")
    output.sync()
    output.write_sidecar("signature\n")
    output.close()
    output.close()
    with open(path, "rb") as stream:
        assert stream.read() == b"one\ntwo\n"
    with open(path + b".sig", "rb") as stream:
        assert stream.read() == b"signature\n"
    states = [os.stat(path), os.stat(path + b".sig")]
    assert [stat.S_IMODE(state.st_mode) for state in states] == [0o600, 0o600]
    assert output.own_files == {(state.st_dev, state.st_ino) for state in states}
    assert output.own_paths == {os.path.realpath(path), os.path.realpath(path) + b".sig"}


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match="already exists"):
        Output.create(str(path))
    assert path.read_bytes() == b"old"


def test_a_sidecar_of_that_name_refuses_the_file_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.with_name("f.sig").symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"already exists: .*f\.sig"):
        Output.create(str(path))
    assert not path.exists()


def test_a_sidecar_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    output = Output.create(str(tmp_path / "f"))
    (tmp_path / "f.sig").write_bytes(b"old")
    with pytest.raises(OutputError, match="already exists"):
        output.write_sidecar("new")
    output.close()
    assert (tmp_path / "f.sig").read_bytes() == b"old"


def test_half_a_sidecar_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output.create(str(tmp_path / "f"))
    write = os.write

    def until_full(descriptor: int, data: bytes) -> int:
        if len(data) < 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, bytes(data[:4]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", until_full)
        with pytest.raises(OutputError, match="No space left"):
            output.write_sidecar("signature\n")
    assert os.listdir(tmp_path) == ["f"]
    output.complete_sidecar("signature\n")
    output.close()
    assert (tmp_path / "f.sig").read_bytes() == b"signature\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OutputError):
        Output.create(str(tmp_path / "link"))
    assert not (tmp_path / "target").exists()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot create: .*No such file"):
        Output.create(str(tmp_path / "no" / "f"))


def test_the_message_cannot_steer_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as error:
        Output.create(str(tmp_path / "\x1b[2J" / "f"))
    assert str(error.value).isprintable()


def test_a_descriptor_is_written_to_and_left_open(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = Output.of_descriptor(writer)
    output.write(b"line\n")
    output.sync()
    output.close()
    os.write(writer, b"still open\n")
    assert os.read(reader, 100) == b"line\nstill open\n"
    assert output.own_files == frozenset()
    assert output.own_paths == frozenset()
    assert not output.takes_sidecar
    with pytest.raises(OutputError, match="sidecar"):
        output.write_sidecar("x")


def test_a_file_on_standard_output_is_the_runs_own(tmp_path: Path) -> None:
    with open(tmp_path / "f", "wb") as stream:
        output = Output.of_descriptor(stream.fileno())
        state = os.fstat(stream.fileno())
        assert output.own_files == {(state.st_dev, state.st_ino)}
        assert output.own_paths == {os.fsencode(tmp_path.resolve() / "f")}


def test_a_reader_that_went_away_is_told_apart(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = Output.of_descriptor(writer)
    os.close(reader)
    with pytest.raises(OutputClosedError):
        output.write(b"x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_after_a_failed_write_nothing_more_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        output = Output.of_descriptor(descriptor, "the disk")
        with pytest.raises(OutputError, match="cannot write to: 'the disk'; No space left"):
            output.write(b"x")
        monkeypatch.setattr(os, "write", lambda *_: pytest.fail("written after a failure"))
        with pytest.raises(OutputError, match="earlier write failed"):
            output.write(b"y")
    finally:
        os.close(descriptor)


def test_a_failed_sync_is_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = Output.create(str(tmp_path / "f"))

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    output.write(b"x")
    with pytest.raises(OutputError, match="Input/output error"):
        output.sync()
    with pytest.raises(OutputError, match="earlier write failed"):
        output.write(b"y")
    output.close()


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    output = Output.create(str(tmp_path / "f"))
    output.write(b"0123456789")
    output.close()
    assert (tmp_path / "f").read_bytes() == b"0123456789"


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    data = b"x" * 1_000_000
    received: list[bytes] = []

    def drain() -> None:
        while sum(map(len, received)) < len(data):
            received.append(os.read(reader, 65536))

    thread = threading.Thread(target=drain)
    thread.start()
    Output.of_descriptor(writer).write(data)
    thread.join()
    assert b"".join(received) == data


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_no_longer_there_is_noticed(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "f"
    output = Output.create(str(path))
    output.write(b"one\n")
    output.sync()
    path.unlink()
    if replaced:
        path.touch()
    output.write(b"two\n")
    with pytest.raises(OutputError, match="cannot write"):
        output.sync()
    with pytest.raises(OutputError, match="earlier write failed"):
        output.write(b"three\n")
    output.close()


def test_a_tail_that_cannot_be_copied_leaves_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.touch(mode=0o600)
    path.write_bytes(b"whole\nhalf")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output = Output.reopen(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(2):
            with pytest.raises(OutputError, match="No space left"):
                output.quarantine_tail(6)
    assert os.listdir(tmp_path) == ["f"]
    assert path.read_bytes() == b"whole\nhalf"
    assert output.quarantine_tail(6) is not None
    output.close()
    assert path.read_bytes() == b"whole\n"
