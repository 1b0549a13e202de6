"""Every way to tamper that docs/reference/findings-format.md names, seen by verify and by a stranger's shell alike."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from findings_lab import (
    IDENTITY,
    allowed_signers,
    finding,
    four_segments,
    shell_says,
    signing_key,
    write_run,
)
from hashaudit.record.codec import decode_body, decode_line, encode_body, encode_line
from hashaudit.record.schema import Checkpoint
from hashaudit.record.verify.trust import Trust, TrustedNames
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.verify.verify_report import Basis, ProblemCode, RecordRange, Sidecar, Verification
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.signer import CHECKPOINT_NAMESPACE, FILE_NAMESPACE

KEY = signing_key()
OTHER_KEY = signing_key(2)
OTHER_RUN = "01890a5d-ac96-774b-bcce-b302099a8058"

Lines = list[bytes]


def verified(path: Path, store: Path) -> Verification:
    return verify_file(str(path), TrustedNames(AllowedSigners.load(str(store)), IDENTITY))


def codes(outcome: Verification) -> set[ProblemCode]:
    return {problem.code for problem in outcome.problems}


def segments(outcome: Verification) -> set[int | None]:
    return {problem.segment for problem in outcome.problems if problem.segment is not None}


def records(outcome: Verification) -> list[tuple[int, int]]:
    return [(item.first, item.last) for item in outcome.intact]


def with_body(line: bytes, change: Callable[[str], str]) -> bytes:
    checkpoint = decode_line(line.rstrip(b"\n"))
    assert isinstance(checkpoint, Checkpoint)
    changed = msgspec.structs.replace(checkpoint, body=change(checkpoint.body))
    assert changed != checkpoint
    return encode_line(changed)


def signed_again(line: bytes, change: Callable[[str], str]) -> bytes:
    """A checkpoint whose body is changed and signed by the run's own key."""
    changed = decode_line(with_body(line, change).rstrip(b"\n"))
    assert isinstance(changed, Checkpoint)
    signature = KEY.sign(changed.body.encode(), CHECKPOINT_NAMESPACE)
    return encode_line(msgspec.structs.replace(changed, sshsig=signature))


def change_byte(lines: Lines) -> Lines:
    lines[7] = lines[7].replace(b'"entry":"line 7"', b'"entry":"line 8"')
    return lines


def swap_two_lines(lines: Lines) -> Lines:
    lines[7], lines[8] = lines[8], lines[7]
    return lines


def remove_line(lines: Lines) -> Lines:
    del lines[7]
    return lines


def repeat_line(lines: Lines) -> Lines:
    lines.insert(8, lines[7])
    return lines


def garble_line(lines: Lines) -> Lines:
    lines[7] = lines[7].replace(b"{", b"", 1)
    return lines


def insert_line(lines: Lines) -> Lines:
    lines.insert(8, lines[1].replace(b'"seq":2', b'"seq":99'))
    return lines


def remove_segment(lines: Lines) -> Lines:
    del lines[6:11]
    return lines


def remove_checkpoint(lines: Lines) -> Lines:
    del lines[10]
    return lines


def swap_segments(lines: Lines) -> Lines:
    lines[6:16] = lines[11:16] + lines[6:11]
    return lines


def repeat_segment(lines: Lines) -> Lines:
    lines[11:11] = lines[6:11]
    return lines


def change_totals(lines: Lines) -> Lines:
    lines[10] = with_body(lines[10], lambda body: body.replace('"matched":4', '"matched":5'))
    return lines


def strip_signature(lines: Lines) -> Lines:
    checkpoint = decode_line(lines[10].rstrip(b"\n"))
    assert isinstance(checkpoint, Checkpoint)
    lines[10] = encode_line(msgspec.structs.replace(checkpoint, sshsig=None))
    return lines


def respace_checkpoint(lines: Lines) -> Lines:
    lines[10] = lines[10].replace(b'"body":', b'"body": ', 1)
    return lines


# What each does to segment 2 of four: records 6-9, lines 7-10 of the file, checkpoint in line 11.
OTHERS = [(1, 5), (10, 16)]
DAMAGE = [
    (change_byte, {ProblemCode.SEGMENT_CHANGED}, OTHERS),
    (swap_two_lines, {ProblemCode.LINES_REORDERED}, OTHERS),
    (remove_line, {ProblemCode.LINES_MISSING}, OTHERS),
    (repeat_line, {ProblemCode.LINES_REPEATED}, OTHERS),
    (garble_line, {ProblemCode.UNREADABLE_LINE, ProblemCode.SEGMENT_CHANGED}, OTHERS),
    (insert_line, {ProblemCode.UNCLOSED_LINES}, [(1, 16)]),
    (remove_segment, {ProblemCode.SEGMENT_MISSING}, OTHERS),
    (remove_checkpoint, {ProblemCode.UNCLOSED_LINES}, OTHERS),
    (change_totals, {ProblemCode.SIGNATURE_INVALID, ProblemCode.UNCLOSED_LINES}, OTHERS),
    (strip_signature, {ProblemCode.SIGNATURE_MISSING, ProblemCode.UNCLOSED_LINES}, OTHERS),
    (respace_checkpoint, {ProblemCode.CHECKPOINT_UNREADABLE, ProblemCode.UNCLOSED_LINES}, OTHERS),
]


def test_an_untouched_file_is_proven_by_verify_and_by_the_shell(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    four_segments(path, KEY)
    outcome = verified(path, store)
    assert outcome.ok
    assert outcome.complete
    assert (outcome.basis, outcome.sidecar) == (Basis.ALLOWED_SIGNERS, Sidecar.VALID)
    assert (outcome.fingerprint, outcome.principals) == (KEY.fingerprint, (IDENTITY,))
    assert outcome.intact == (RecordRange(1, 16),)
    assert (outcome.lines, outcome.checkpoints) == (21, 5)
    assert shell_says(path, store) == [True, True, True]


@pytest.mark.parametrize(("tamper", "expected", "intact"), DAMAGE, ids=[case[0].__name__ for case in DAMAGE])
def test_damage_is_named_and_stays_in_its_segment(
    tmp_path: Path, tamper: Callable[[Lines], Lines], expected: set[ProblemCode], intact: list[tuple[int, int]]
) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    path.write_bytes(b"".join(tamper(four_segments(path, KEY))))
    outcome = verified(path, store)
    assert codes(outcome) == expected | {ProblemCode.SIDECAR_INVALID}
    assert segments(outcome) == {2}
    assert all(
        problem.first_line is None or 6 < problem.first_line <= 12
        for problem in outcome.problems
        if problem.segment is not None
    )
    assert records(outcome) == intact
    assert outcome.complete, "the segments behind the damage still verify"
    assert outcome.sidecar is Sidecar.INVALID
    assert shell_says(path, store) == [True, False, False]


def test_damage_names_the_records(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    path.write_bytes(b"".join(swap_two_lines(four_segments(path, KEY))))
    [swapped] = [item for item in verified(path, store).problems if item.code is ProblemCode.LINES_REORDERED]
    assert (swapped.message, swapped.first_line, swapped.last_line) == ("records out of order: 8, 7", 8, 9)
    path.unlink()
    path.with_name(path.name + ".sig").unlink()
    path.write_bytes(b"".join(remove_line(four_segments(tmp_path / "other", KEY))))
    [gone] = [item for item in verified(path, store).problems if item.code is ProblemCode.LINES_MISSING]
    assert gone.message == "records missing: 7"


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [(swap_segments, {ProblemCode.SEGMENT_MISSING}), (repeat_segment, set[ProblemCode]())],
)
def test_a_segment_in_another_place_is_named(
    tmp_path: Path, tamper: Callable[[Lines], Lines], expected: set[ProblemCode]
) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    path.write_bytes(b"".join(tamper(four_segments(path, KEY))))
    outcome = verified(path, store)
    assert codes(outcome) == expected | {ProblemCode.CHECKPOINT_REPEATED, ProblemCode.SIDECAR_INVALID}
    assert outcome.complete
    assert shell_says(path, store) == [True, False, False]


@pytest.mark.parametrize("kept", range(21))
def test_a_cut_off_tail_leaves_what_was_signed_before_proven(tmp_path: Path, kept: int) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    path.write_bytes(b"".join(four_segments(path, KEY)[:kept]))
    outcome = verified(path, store)
    assert ProblemCode.NO_FINAL_CHECKPOINT in codes(outcome)
    assert not outcome.complete
    proven = max((last for line, last in ((6, 5), (11, 9), (16, 13), (20, 16)) if kept >= line), default=0)
    assert records(outcome) == ([(1, proven)] if proven else [])
    assert any("interrupted" in text or "no checkpoint is valid" in text for text in outcome.unproven)
    assert shell_says(path, store)[1:] == [False, False]


def test_a_line_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    path.write_bytes(b"".join(four_segments(path, KEY))[:-1])
    outcome = verified(path, store)
    assert {ProblemCode.UNREADABLE_LINE, ProblemCode.NO_FINAL_CHECKPOINT} <= codes(outcome)
    assert records(outcome) == [(1, 16)]


@pytest.mark.parametrize("tail", [b"\n", b"{}\n", b"x", None])
def test_lines_after_the_end_are_named(tmp_path: Path, tail: bytes | None) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    lines = four_segments(path, KEY)
    path.write_bytes(b"".join(lines) + (lines[-1] if tail is None else tail))
    outcome = verified(path, store)
    [after] = [item for item in outcome.problems if item.code is ProblemCode.LINES_AFTER_END]
    assert (after.first_line, after.last_line) == (22, 22)
    assert records(outcome) == [(1, 16)]
    assert shell_says(path, store)[1:] == [False, False]


@pytest.mark.parametrize("place", [5, 10, 20])
def test_a_checkpoint_of_another_run_is_named(tmp_path: Path, place: int) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    lines = four_segments(path, KEY)
    lines[place] = four_segments(tmp_path / "other", KEY, run_id=OTHER_RUN)[place]
    path.write_bytes(b"".join(lines))
    outcome = verified(path, store)
    assert ProblemCode.CHECKPOINT_FOREIGN in codes(outcome)
    assert segments(outcome) == {{5: 1, 10: 2, 20: 5}[place]}
    assert shell_says(path, store) == [True, False, False]


def test_a_checkpoint_of_another_run_between_two_lines_voids_neither(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    lines = four_segments(path, KEY)
    lines.insert(8, four_segments(tmp_path / "other", KEY, run_id=OTHER_RUN)[10])
    path.write_bytes(b"".join(lines))
    outcome = verified(path, store)
    assert ProblemCode.CHECKPOINT_FOREIGN in codes(outcome)
    assert records(outcome) == [(1, 16)]


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, OTHER_KEY.public_key)
    four_segments(path, KEY)
    for outcome in (verified(path, store), verify_file(str(path), OTHER_KEY.public_key)):
        assert [problem.code for problem in outcome.problems] == [ProblemCode.KEY_NOT_TRUSTED]
        assert outcome.basis is Basis.NAMED_KEY
        assert (outcome.ok, outcome.verified, outcome.unmodified) == (False, False, True)
        assert records(outcome) == [(1, 16)]
    assert shell_says(path, store) == [False, True, False]


def test_a_key_for_another_name_or_purpose_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    four_segments(path, KEY)
    store = allowed_signers(tmp_path, KEY.public_key)
    outcome = verify_file(str(path), TrustedNames(AllowedSigners.load(str(store)), "somebody"))
    assert ProblemCode.KEY_NOT_TRUSTED in codes(outcome)
    store = allowed_signers(tmp_path, KEY.public_key, 'namespaces="git"')
    assert ProblemCode.KEY_NOT_TRUSTED in codes(verified(path, store))
    assert shell_says(path, store) == [False, True, False]


@pytest.mark.parametrize("options", ['valid-before="20200101Z"', 'valid-after="20990101Z"'])
def test_a_key_outside_its_validity_is_named(tmp_path: Path, options: str) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key, options)
    four_segments(path, KEY)
    outcome = verified(path, store)
    assert codes(outcome) == {ProblemCode.KEY_NOT_VALID_THEN}
    assert (outcome.verified, outcome.unmodified, outcome.basis) == (False, True, Basis.NAMED_KEY)
    assert shell_says(path, store) == [False, True, False]


def test_a_key_that_expires_during_the_run_proves_what_came_before(tmp_path: Path) -> None:
    # The clock moves a minute a segment from 2020-09-13T12:26:40Z.
    path = tmp_path / "findings.jsonl"
    store = allowed_signers(tmp_path, KEY.public_key, 'valid-before="20200913122900Z"')
    four_segments(path, KEY)
    outcome = verified(path, store)
    assert ProblemCode.KEY_NOT_VALID_THEN in codes(outcome)
    assert records(outcome) == [(1, 9)]


def test_a_header_that_was_changed_does_not_void_the_rest(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    lines = four_segments(path, KEY)
    for old, new in (
        (KEY.fingerprint, OTHER_KEY.fingerprint),
        ("a8057", "a8058"),
        ('"v":1', '"v":2'),
        ('"kind":"run"', '"kind":"rum"'),
        (f'"{KEY.fingerprint}"', "null"),
    ):
        assert old in lines[0].decode()
        path.write_bytes(b"".join([lines[0].replace(old.encode(), new.encode()), *lines[1:]]))
        for outcome in (verified(path, store), verify_file(str(path))):
            assert segments(outcome) == {1}, (old, outcome.problems)
            assert records(outcome) == [(6, 16)]


def test_a_header_stands_in_line_1_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    path.write_bytes(b"".join(lines[1:]))
    [first] = [item for item in verify_file(str(path)).problems if item.first_line == item.last_line == 1]
    assert first.code is ProblemCode.NO_HEADER
    path.write_bytes(b"".join([*lines[:8], lines[0], *lines[8:]]))
    outcome = verify_file(str(path))
    assert codes(outcome) == {ProblemCode.UNREADABLE_LINE, ProblemCode.SIDECAR_INVALID}
    assert segments(outcome) == {2}


def test_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    path.write_bytes(b"".join([lines[0].replace(b'"v":1', b'"v":2'), *lines[1:]]))
    [problem] = [item for item in verify_file(str(path)).problems if item.code is ProblemCode.NO_HEADER]
    assert problem.message == "format version 2 is not supported"


def test_damage_after_a_missing_segment_is_numbered_as_if_it_were_there(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    lines[11] = lines[11].replace(b"line 7", b"line 8")
    path.write_bytes(b"".join(remove_segment(lines)))
    outcome = verify_file(str(path))
    assert segments(outcome) == {2, 3}
    assert records(outcome) == [(1, 5), (14, 16)]


@pytest.mark.parametrize("closed", [True, False])
def test_an_unreadable_line_does_not_hide_a_missing_one_in_the_next_segment(tmp_path: Path, closed: bool) -> None:
    path = tmp_path / "f"
    lines = garble_line(four_segments(path, KEY))
    del lines[12]
    path.write_bytes(b"".join(lines if closed else remove_checkpoint(lines)))
    outcome = verify_file(str(path))
    missing = [item.message for item in outcome.problems if item.code is ProblemCode.LINES_MISSING]
    assert missing == ["records missing: 11"]


def test_a_signer_whose_header_names_another_key_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    lines[0] = lines[0].replace(KEY.fingerprint.encode(), OTHER_KEY.fingerprint.encode())
    digest = hashlib.sha256(b"".join(lines[:5])).hexdigest()
    lines[5] = signed_again(lines[5], lambda body: re.sub(r'("segment_sha256"):"\w+"', rf'\1:"{digest}"', body))
    path.write_bytes(b"".join(lines[:6]))
    assert ProblemCode.WRONG_KEY in codes(verify_file(str(path), KEY.public_key))


def test_a_run_is_known_by_what_is_proven_once_its_header_is_not(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    lines[0] = lines[0].replace(b"a8057", b"a8059")
    lines[15] = four_segments(tmp_path / "other", KEY, run_id=OTHER_RUN)[15]
    path.write_bytes(b"".join(lines))
    outcome = verify_file(str(path), KEY.public_key)
    foreign = [item.segment for item in outcome.problems if item.code is ProblemCode.CHECKPOINT_FOREIGN]
    assert foreign == [1, 3]
    assert records(outcome) == [(6, 9), (14, 16)]


def test_a_signature_in_an_unsigned_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, None)
    checkpoint = decode_line(lines[10].rstrip(b"\n"))
    assert isinstance(checkpoint, Checkpoint)
    signature = KEY.sign(checkpoint.body.encode(), CHECKPOINT_NAMESPACE)
    lines[10] = encode_line(msgspec.structs.replace(checkpoint, sshsig=signature))
    path.write_bytes(b"".join(lines))
    outcome = verify_file(str(path))
    assert codes(outcome) == {ProblemCode.WRONG_KEY, ProblemCode.UNCLOSED_LINES, ProblemCode.UNSIGNED}
    assert outcome.basis is Basis.NONE


def test_a_file_signed_anew_by_another_key_does_not_pass(tmp_path: Path) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    signed_anew = []
    for line in four_segments(path, KEY):
        decoded = decode_line(line.rstrip(b"\n"))
        if isinstance(decoded, Checkpoint):
            signature = OTHER_KEY.sign(decoded.body.encode(), CHECKPOINT_NAMESPACE)
            signed_anew.append(encode_line(msgspec.structs.replace(decoded, sshsig=signature)))
        else:
            signed_anew.append(line)
    path.write_bytes(b"".join(signed_anew))
    assert codes(verified(path, store)) >= {ProblemCode.KEY_NOT_TRUSTED}
    outcome = verify_file(str(path))
    assert codes(outcome) >= {ProblemCode.WRONG_KEY}
    assert records(outcome) == []
    assert shell_says(path, store) == [False, False, False]


def test_without_trust_the_owner_of_the_key_is_not_proven(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    four_segments(path, OTHER_KEY)
    outcome = verify_file(str(path))
    assert (outcome.ok, outcome.verified) == (True, False)
    assert outcome.basis is Basis.NAMED_KEY
    assert any("the owner of key" in text for text in outcome.unproven)


def test_a_given_public_key_is_a_basis(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    four_segments(path, KEY)
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.ok
    assert outcome.basis is Basis.GIVEN_KEY


def test_an_unsigned_file_does_not_verify_but_its_damage_is_still_found(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    lines = four_segments(path, None)
    outcome = verify_file(str(path))
    assert codes(outcome) == {ProblemCode.UNSIGNED}
    assert records(outcome) == [(1, 16)]
    assert outcome.basis is Basis.NONE
    assert codes(verify_file(str(path), KEY.public_key)) == {ProblemCode.UNSIGNED}
    path.write_bytes(b"".join(remove_segment(lines)))
    assert codes(verify_file(str(path))) == {ProblemCode.UNSIGNED, ProblemCode.SEGMENT_MISSING}


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        (10, '"matched":4', '"matched":5'),
        (10, '"faulted":1', '"faulted":2'),
        (10, '"directories_faulted":1', '"directories_faulted":0'),
        (10, '"permission_denied":1', '"permission_denied":2'),
        (10, '"file_lines":2', '"file_lines":1'),
        (10, '"seen":7', '"seen":8'),
        (20, '"pending":0', '"pending":1'),
    ],
)
def test_changed_totals_of_an_unsigned_file_do_not_add_up(tmp_path: Path, place: int, old: str, new: str) -> None:
    path = tmp_path / "findings.jsonl"
    lines = four_segments(path, None)
    assert old in decode_line(lines[place].rstrip(b"\n")).body, decode_line(lines[place].rstrip(b"\n"))  # type: ignore[union-attr] # a checkpoint
    lines[place] = with_body(lines[place], lambda body: body.replace(old, new, 1))
    path.write_bytes(b"".join(lines))
    outcome = verify_file(str(path))
    assert ProblemCode.TOTALS_WRONG in codes(outcome)
    assert segments(outcome) == {2 if place == 10 else 5}


def verify_signed_again(path: Path, place: int, change: Callable[[str], str], trust: Trust = None) -> Verification:
    lines = four_segments(path, KEY)
    lines[place] = signed_again(lines[place], change)
    path.write_bytes(b"".join(lines))
    path.with_name(path.name + ".sig").unlink()
    return verify_file(str(path), trust or KEY.public_key)


def test_a_signer_whose_totals_contradict_the_lines_does_not_verify(tmp_path: Path) -> None:
    def one_finding_less(text: str) -> str:
        body = decode_body(text)
        totals = msgspec.structs.replace(body.totals, matched=body.totals.matched - 1, clean=body.totals.clean + 1)
        return encode_body(msgspec.structs.replace(body, totals=msgspec.structs.replace(totals, file_lines=0)))

    assert codes(verify_signed_again(tmp_path / "f", 20, one_finding_less)) == {ProblemCode.TOTALS_WRONG}


def test_a_completed_run_has_nothing_pending(tmp_path: Path) -> None:
    outcome = verify_signed_again(
        tmp_path / "f", 20, lambda body: body.replace('"pending":0', '"pending":1').replace('"seen":14', '"seen":15')
    )
    assert codes(outcome) == {ProblemCode.TOTALS_WRONG}
    assert "pending" in outcome.problems[0].message


def test_a_forked_chain_is_named(tmp_path: Path) -> None:
    # The same key closes the same lines twice: the later segments name the checkpoint that is not there.
    outcome = verify_signed_again(
        tmp_path / "f", 10, lambda body: re.sub(r'"time":"[^"]*"', '"time":"2020-09-13T13:00:00Z"', body)
    )
    assert codes(outcome) == {ProblemCode.CHAIN_BROKEN}
    assert segments(outcome) == {2}


def test_a_first_checkpoint_that_names_another_before_it_is_named(tmp_path: Path) -> None:
    outcome = verify_signed_again(
        tmp_path / "f",
        5,
        lambda body: body.replace('"prev_checkpoint_sha256":null', f'"prev_checkpoint_sha256":"{"0" * 64}"'),
    )
    assert codes(outcome) == {ProblemCode.CHAIN_BROKEN}
    assert segments(outcome) == {1}


def test_a_changed_file_that_segments_do_not_show_is_named(tmp_path: Path) -> None:
    outcome = verify_signed_again(
        tmp_path / "f", 20, lambda body: re.sub(r'"file_sha256":"[^"]*"', f'"file_sha256":"{"0" * 64}"', body)
    )
    assert codes(outcome) == {ProblemCode.FILE_CHANGED}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"v":1', '"v":2'),
        ('"first":6', '"first":0'),
        ('"first":6', '"first":11'),
        ('"last":9', '"last":1006'),
        ('"time":"2020-09-13', '"time":"2020-09-31'),
        ('"final":false', '"final":true'),
    ],
)
def test_a_signed_checkpoint_that_says_what_none_can_say_is_named(tmp_path: Path, old: str, new: str) -> None:
    outcome = verify_signed_again(tmp_path / "f", 10, lambda body: body.replace(old, new))
    assert codes(outcome) == {ProblemCode.CHECKPOINT_UNREADABLE, ProblemCode.UNCLOSED_LINES}
    assert segments(outcome) == {2}


def test_a_signer_who_leaves_a_number_out_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    lines[9] = lines[9].replace(b'"seq":9', b'"seq":8')
    digest = hashlib.sha256(b"".join(lines[6:10])).hexdigest()
    lines[10] = signed_again(lines[10], lambda body: re.sub(r'("segment_sha256"):"\w+"', rf'\1:"{digest}"', body))
    path.write_bytes(b"".join(lines))
    outcome = verify_file(str(path), KEY.public_key)
    assert codes(outcome) >= {ProblemCode.LINES_MISSING, ProblemCode.LINES_REPEATED}
    assert records(outcome) == [(1, 5), (10, 16)]


def test_a_reader_with_trust_needs_no_header_to_know_the_key(tmp_path: Path) -> None:
    # Header and first checkpoint are both changed: only what the reader trusts can tell which key is the true one.
    path = tmp_path / "f"
    lines = four_segments(path, KEY)
    lines[0] = lines[0].replace(KEY.fingerprint.encode(), OTHER_KEY.fingerprint.encode())
    lines[5] = lines[5][1:]
    path.write_bytes(b"".join(lines))
    assert records(verify_file(str(path), KEY.public_key)) == [(6, 16)]
    assert ProblemCode.WRONG_KEY in codes(verify_file(str(path)))


@pytest.mark.parametrize("damage", ["other file", "other key", "other namespace", "garbage", "empty"])
def test_a_sidecar_that_is_not_this_files_is_named(tmp_path: Path, damage: str) -> None:
    path, store = tmp_path / "findings.jsonl", allowed_signers(tmp_path, KEY.public_key)
    four_segments(path, KEY)
    content = path.read_bytes()
    path.with_name(path.name + ".sig").write_text(
        {
            "other file": KEY.sign(content + b" ", FILE_NAMESPACE),
            "other key": OTHER_KEY.sign(content, FILE_NAMESPACE),
            "other namespace": KEY.sign(content, CHECKPOINT_NAMESPACE),
            "garbage": "\xff",
            "empty": "",
        }[damage]
    )
    outcome = verified(path, store)
    assert codes(outcome) == {ProblemCode.SIDECAR_INVALID}
    assert outcome.sidecar is Sidecar.INVALID
    assert shell_says(path, store) == [True, True, False]


def test_a_sidecar_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    four_segments(path, KEY)
    path.with_name(path.name + ".sig").unlink()
    outcome = verify_file(str(path), KEY.public_key)
    assert outcome.ok
    assert outcome.sidecar is Sidecar.ABSENT


def test_a_sidecar_beside_an_interrupted_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    write_run(path, [[finding()]], signer=KEY, finish=False)
    path.with_name(path.name + ".sig").write_text(KEY.sign(path.read_bytes(), FILE_NAMESPACE))
    assert codes(verify_file(str(path), KEY.public_key)) == {
        ProblemCode.NO_FINAL_CHECKPOINT,
        ProblemCode.SIDECAR_INVALID,
    }
