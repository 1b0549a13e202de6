"""The findings file of one run, from header to sidecar."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import (
    IDENTITY,
    FakeClock,
    allowed_signers,
    fault,
    finding,
    header,
    match,
    record,
    signing_key,
    unlisted_folder,
)
from hashaudit.errors import FindingsError, OutputError, SigningKeyError
from hashaudit.model.results import Role
from hashaudit.record.chain import MAX_AGE_S, MAX_FINDING_AGE_S
from hashaudit.record.codec import MAX_LINE_BYTES, decode_body, decode_line
from hashaudit.record.header import RunHeader
from hashaudit.record.output import Output
from hashaudit.record.schema import Checkpoint, CheckpointBody, EndReason, FaultRecord, Line
from hashaudit.record.verify.trust import TrustedNames
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.verify.verify_report import ProblemCode, RecordRange, Sidecar
from hashaudit.record.writer import FindingsWriter
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.key_files import SigningKey

KEY = signing_key()


def started(path: Path, clock: FakeClock, signer: SigningKey | None = KEY) -> FindingsWriter:
    key = signer.fingerprint if signer else None
    return FindingsWriter(Output.create(str(path)), header(key), signer=signer, clock=clock.clock())


def deadline_s(writer: FindingsWriter) -> float | None:
    return writer.deadline_s


def lines_of(path: Path) -> list[Line]:
    return [decode_line(line) for line in path.read_bytes().splitlines()]


def bodies_of(path: Path) -> list[CheckpointBody]:
    return [decode_body(line.body) for line in lines_of(path) if isinstance(line, Checkpoint)]


def test_nothing_reaches_the_file_before_its_checkpoint(tmp_path: Path) -> None:
    path, clock = tmp_path / "f", FakeClock()
    with started(path, clock) as writer:
        assert deadline_s(writer) == clock.steady + MAX_AGE_S
        writer.tick()
        assert path.read_bytes() == b""
        clock.steady += MAX_AGE_S
        writer.tick()
        assert [type(line) for line in lines_of(path)] == [RunHeader, Checkpoint]
        assert deadline_s(writer) is None
        clock.steady += 100
        writer.tick()
        assert len(lines_of(path)) == 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to name descriptors")
def test_each_checkpoint_and_the_sidecar_are_synced_after_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, int]] = []

    def sync(descriptor: int) -> None:
        synced.append((os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")), os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", sync)
    path = tmp_path / "f"
    with started(path, FakeClock()) as writer:
        assert synced.pop()[0] == tmp_path.name, "the new name itself"
        writer.checkpoint()
        first = path.stat().st_size
        writer.finish(EndReason.COMPLETED, 0)
    sidecar = ("f.sig", path.with_name("f.sig").stat().st_size)
    folder = (tmp_path.name, tmp_path.stat().st_size)
    assert synced == [("f", first), ("f", path.stat().st_size), folder, sidecar]


def test_a_finding_is_signed_within_its_time(tmp_path: Path) -> None:
    path, clock = tmp_path / "f", FakeClock()
    with started(path, clock) as writer:
        writer.tally.add()
        assert writer.write(finding()) == 2
        assert path.read_bytes() == b""
        clock.steady += MAX_FINDING_AGE_S
        writer.tick()
        assert [body.totals.matched for body in bodies_of(path)] == [1]


def test_a_write_that_finds_the_segment_due_closes_it(tmp_path: Path) -> None:
    path, clock = tmp_path / "f", FakeClock()
    with started(path, clock) as writer:
        clock.steady += MAX_AGE_S
        writer.write(unlisted_folder())
        assert [(body.first, body.last) for body in bodies_of(path)] == [(1, 2)]


def test_a_finished_file_is_whole_and_signed_as_a_whole(tmp_path: Path) -> None:
    path, clock = tmp_path / "f", FakeClock()
    with started(path, clock) as writer:
        for line in (finding(), record(faults=[fault()]), record(), record(matches=[match(Role.KNOWN)])):
            writer.tally.add()
            writer.write(line)
        writer.tally.read(40)
        writer.finish(EndReason.COMPLETED, 24)
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.ok
    assert outcome.sidecar is Sidecar.VALID
    [final] = bodies_of(path)
    assert (final.first, final.last, final.reason, final.exit_code) == (1, 5, EndReason.COMPLETED, 24)
    assert (final.totals.seen, final.totals.matched, final.totals.faulted, final.totals.bytes) == (4, 1, 1, 40)
    assert [getattr(line, "seq", None) for line in lines_of(path)] == [1, 2, 3, 4, 5, None]
    assert (tmp_path / "f.sig").read_text().startswith("-----BEGIN SSH SIGNATURE-----\n")


def test_an_unsigned_file_has_no_sidecar(tmp_path: Path) -> None:
    with started(tmp_path / "f", FakeClock(), None) as writer:
        writer.finish(EndReason.COMPLETED, 0)
    assert not (tmp_path / "f.sig").exists()
    assert [line.sshsig for line in lines_of(tmp_path / "f") if isinstance(line, Checkpoint)] == [None]


def test_standard_output_gets_the_same_file_without_sidecar(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT)
    with FindingsWriter(Output.of_descriptor(descriptor), header(KEY.fingerprint), signer=KEY) as writer:
        writer.finish(EndReason.COMPLETED, 0)
    os.close(descriptor)
    outcome = verify_file(str(tmp_path / "f"), KEY.public_key)
    assert outcome.ok
    assert outcome.sidecar is Sidecar.ABSENT


def test_an_ended_file_takes_nothing_more(tmp_path: Path) -> None:
    with started(tmp_path / "f", FakeClock()) as writer:
        writer.finish(EndReason.COMPLETED, 0)
        content = (tmp_path / "f").read_bytes()
        for again in (lambda: writer.write(unlisted_folder()), lambda: writer.finish(EndReason.ERROR, 1)):
            with pytest.raises(FindingsError, match="takes no more"):
                again()
        writer.tick()
        assert (tmp_path / "f").read_bytes() == content


def test_a_run_with_entries_pending_is_not_completed(tmp_path: Path) -> None:
    with started(tmp_path / "f", FakeClock()) as writer:
        writer.tally.add()
        with pytest.raises(FindingsError, match="1 entry has no outcome"):
            writer.finish(EndReason.COMPLETED, 0)
        writer.finish(EndReason.SIGNAL, 143)
    outcome = verify_file(str(tmp_path / "f"), KEY.public_key)
    assert outcome.ok
    assert any("ended early" in text for text in outcome.unproven)


def test_the_header_must_name_the_signer(tmp_path: Path) -> None:
    output = Output.create(str(tmp_path / "f"))
    for named, signer in [(None, KEY), ("SHA256:x", KEY), (KEY.fingerprint, None)]:
        with pytest.raises(FindingsError, match="key_fingerprint"):
            FindingsWriter(output, header(named), signer=signer)
    output.close()
    assert (tmp_path / "f").read_bytes() == b""


def test_a_line_longer_than_the_format_allows_is_refused(tmp_path: Path) -> None:
    with started(tmp_path / "f", FakeClock()) as writer:
        writer.tally.add()
        with pytest.raises(FindingsError, match="the format allows"):
            writer.write(record(faults=[fault()], matches=[match(label="x" * MAX_LINE_BYTES)]))
        writer.tally.record_clean()
        writer.finish(EndReason.COMPLETED, 0)
    assert verify_file(str(tmp_path / "f"), KEY.public_key).ok


def test_what_was_signed_before_a_full_disk_stays_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, path = os.write, tmp_path / "f"
    with started(path, FakeClock()) as writer:
        writer.checkpoint()
        room = [1000]

        def full(descriptor: int, data: memoryview) -> int:
            if not room[0]:
                raise OSError(28, "No space left on device")
            taken = write(descriptor, bytes(data[: room[0]]))
            room[0] -= taken
            return taken

        monkeypatch.setattr(os, "write", full)
        for _ in range(10):
            writer.tally.add()
            writer.write(finding())
        with pytest.raises(OutputError, match="No space left"):
            writer.checkpoint()
        monkeypatch.setattr(os, "write", lambda *_: pytest.fail("written after a failure"))
        with pytest.raises(FindingsError):
            writer.finish(EndReason.ERROR, 4)
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.intact == (RecordRange(1, 1),)
    assert {problem.code for problem in outcome.problems} >= {ProblemCode.NO_FINAL_CHECKPOINT}


def test_a_key_that_fails_ends_the_run_with_what_it_signed(tmp_path: Path) -> None:
    class Token:
        fingerprint = KEY.fingerprint
        signatures = 0

        def sign(self, message: bytes, namespace: str) -> str:
            if self.signatures:
                raise SigningKeyError("the token is gone")
            self.signatures += 1
            return KEY.sign(message, namespace)

        def sign_sha512(self, digest: bytes, namespace: str) -> str:
            return KEY.sign_sha512(digest, namespace)

    with FindingsWriter(Output.create(str(tmp_path / "f")), header(KEY.fingerprint), signer=Token()) as writer:
        writer.checkpoint()
        writer.write(unlisted_folder())
        with pytest.raises(SigningKeyError):
            writer.checkpoint()
        with pytest.raises(FindingsError):
            writer.finish(EndReason.ERROR, 4)
    assert verify_file(str(tmp_path / "f"), KEY.public_key).intact == (RecordRange(1, 1),)


@given(
    steps=st.lists(
        st.sampled_from([finding(), record(faults=[fault()]), record(), unlisted_folder(), "checkpoint", "wait"]),
        max_size=30,
    )
)
def test_whatever_is_written_verifies(steps: list[Line | str], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, clock = tmp_path_factory.mktemp("run"), FakeClock()
    with started(folder / "f", clock) as writer:
        for step in steps:
            if step == "checkpoint":
                writer.checkpoint()
            elif step == "wait":
                clock.steady += 1.0
                writer.tick()
            else:
                if not (isinstance(step, FaultRecord) and step.directory):
                    writer.tally.add()
                writer.write(step)  # type: ignore[arg-type] # the strategy gives lines and two words
        writer.finish(EndReason.COMPLETED, 0)
    store = AllowedSigners.load(str(allowed_signers(folder, KEY.public_key)))
    outcome = verify_file(str(folder / "f"), TrustedNames(store, IDENTITY))
    assert outcome.ok, outcome.problems
    assert outcome.intact_records == 1 + sum(not isinstance(step, str) for step in steps)
    content = (folder / "f").read_bytes()
    assert outcome.last is not None
    assert outcome.last.file_sha256 == hashlib.sha256(content[: content.rindex(b"\n", 0, -1) + 1]).hexdigest()
