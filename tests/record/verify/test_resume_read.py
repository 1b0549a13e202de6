"""From where on an interrupted findings file can be continued, and what damage refuses it."""

import hashlib
import io
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings_lab import FakeClock, finding, four_segments, header, record, signing_key, stat, unlisted_folder
from hashaudit.errors import FindingsError
from hashaudit.record.codec import decode_line, encode_line
from hashaudit.record.output import Output
from hashaudit.record.schema import Checkpoint, EndReason, Resumption
from hashaudit.record.verify.resume_read import Interrupted, read_interrupted
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.writer import FindingsWriter
from property_examples import examples

KEY = signing_key()
CLOSED = (6, 11, 16, 20)
"""Lines of the file that are checkpoints."""


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Of a signed run that was killed behind its fourth segment."""
    return four_segments(tmp_path_factory.mktemp("run") / "F", KEY, finish=False)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return four_segments(tmp_path_factory.mktemp("run") / "F", KEY)


def read(data: bytes, first_line: int = 1, *, signed: bool = True) -> Interrupted:
    return read_interrupted(io.BytesIO(data), KEY.public_key if signed else None, first_line)


def test_all_that_is_closed_is_kept(lines: list[bytes]) -> None:
    whole = b"".join(lines)
    found = read(whole)
    assert (found.end.last, found.end.size, found.ended) == (16, len(whole), None)
    assert found.end.file_sha256.hexdigest() == hashlib.sha256(whole).hexdigest()
    assert found.whole_sha512 == hashlib.sha512(whole).digest()
    assert found.header.run_id == found.end.run_id
    assert len(found.lines) == 14
    assert found.folders == {b"/srv/secret"}
    assert found.lines[0].key.path == b"/srv/1"
    assert found.lines[0].bytes_read == stat().size
    assert found.tally.matched == 9
    assert found.tally.directories_faulted == 1


def test_lines_are_told_from_the_one_on_that_is_asked_for(lines: list[bytes]) -> None:
    found = read(b"".join(lines), 13)
    assert [line.seq for line in found.lines] == [13, 14, 15, 16]
    assert found.folders == {b"/srv/secret"}
    assert found.tally.matched == 9


@given(data=st.data())
@settings(max_examples=examples(100))
def test_a_file_that_is_cut_off_anywhere_is_kept_up_to_its_last_checkpoint(
    lines: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(lines)
    size = data.draw(st.integers(0, len(whole)))
    tail = data.draw(st.sampled_from([b"", b"\n", b"\x00" * 50, b"x\n", b"{}\n"]))
    ends = {count: sum(map(len, lines[:count])) for count in CLOSED}
    kept = [count for count, end in ends.items() if (whole[:size] + tail).startswith(whole[:end])]
    if not kept:
        with pytest.raises(FindingsError) as caught:
            read(whole[:size] + tail)
        assert "start a new scan" in str(caught.value.hint)
        return
    found = read(whole[:size] + tail)
    assert found.end.size == ends[kept[-1]]
    assert found.end.file_sha256.hexdigest() == hashlib.sha256(whole[: found.end.size]).hexdigest()


@given(data=st.data())
@settings(max_examples=examples(100))
def test_a_changed_byte_is_never_built_upon(lines: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(lines))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    try:
        found = read(bytes(whole))
    except FindingsError:
        return
    if found.end.size > place:
        # The signature's text can be written in more than one way. The last checkpoint's is covered by no other.
        last = decode_line(bytes(whole).splitlines()[-1])
        assert place >= len(whole) - len(lines[-1])
        assert isinstance(last, Checkpoint)
        assert encode_line(last) == bytes(whole).splitlines(keepends=True)[-1]
        assert encode_line(msgspec.structs.replace(last, sshsig=None)) == unsigned(lines[-1])


def unsigned(line: bytes) -> bytes:
    checkpoint = decode_line(line[:-1])
    assert isinstance(checkpoint, Checkpoint)
    return encode_line(msgspec.structs.replace(checkpoint, sshsig=None))


def test_other_damage_is_refused(lines: list[bytes]) -> None:
    swapped = [*lines]
    swapped[1], swapped[2] = swapped[2], swapped[1]
    other_order = lines[:6] + lines[11:16] + lines[6:11] + lines[16:]
    for changed in (swapped, other_order, lines[:6] + lines[11:], lines[:2] + lines[3:], lines[:6] + lines, lines[1:]):
        with pytest.raises(FindingsError):
            read(b"".join(changed))


@pytest.mark.parametrize("tail", [b"x", b"\n", b"{}\n"])
def test_nothing_may_stand_behind_the_end_of_a_complete_run(complete: list[bytes], tail: bytes) -> None:
    found = read(b"".join(complete))
    assert found.ended is not None
    assert found.ended.reason is EndReason.COMPLETED
    with pytest.raises(FindingsError, match="after the final checkpoint"):
        read(b"".join(complete) + tail)
    with pytest.raises(FindingsError, match="after the final checkpoint"):
        read(b"".join(complete) + complete[-1])


def test_the_signature_must_be_the_keys(lines: list[bytes], tmp_path: Path) -> None:
    with pytest.raises(FindingsError, match="it is signed, but the scan is declared unsigned"):
        read(b"".join(lines), signed=False)
    other = four_segments(tmp_path / "other", signing_key(2), finish=False)
    with pytest.raises(FindingsError, match="line 6"):
        read(b"".join(other))
    unsigned = four_segments(tmp_path / "unsigned", None, finish=False)
    assert read(b"".join(unsigned), signed=False).end.last == 16
    with pytest.raises(FindingsError, match="line 6"):
        read(b"".join(unsigned))


def test_a_stopped_runs_last_segment_is_not_kept(tmp_path: Path) -> None:
    path, clock = tmp_path / "F", FakeClock()
    with FindingsWriter(Output.create(str(path)), header(KEY.fingerprint), signer=KEY, clock=clock.clock()) as writer:
        writer.tally.seen = 3
        writer.write(finding(b"1"))
        writer.checkpoint()
        size = path.stat().st_size
        writer.write(unlisted_folder())
        writer.write(finding(b"2"))
        writer.finish(EndReason.SIGNAL, 130)
    found = read(path.read_bytes())
    assert (found.end.last, found.end.size) == (2, size)
    assert found.ended is not None
    assert found.ended.reason is EndReason.SIGNAL
    assert [line.key.path for line in found.lines] == [b"/srv/1"]
    assert found.folders == frozenset()
    assert found.tally.matched == 1


def test_what_is_continued_is_one_chain(lines: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "F"
    path.touch(0o600)
    path.write_bytes(b"".join(lines) + b'{"kind":"fin')
    output = Output.reopen(str(path))
    found = read(path.read_bytes())
    aside = output.quarantine_tail(found.end.size)
    assert aside is not None
    assert Path(aside.path.decode()).read_bytes() == b'{"kind":"fin'
    assert aside.sha256 == hashlib.sha256(b'{"kind":"fin').hexdigest()
    tally = found.tally
    tally.seen = len(found.lines) + 1
    resumed = Resumption(time=found.header.start, moved_bytes=12, moved_sha256=aside.sha256, journal=False)
    with FindingsWriter.continued(
        output, found.end, tally=tally, lines=(), resumed=resumed, signer=KEY, clock=FakeClock().clock()
    ) as writer:
        writer.write(record(b"13"))
        writer.finish(EndReason.COMPLETED, 8)
    outcome = verify_file(str(path), KEY.public_key)
    assert (outcome.ok, outcome.complete, outcome.resumptions) == (True, True, 1)
