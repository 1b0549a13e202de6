"""Segments: when they close, and what a checkpoint says of them."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import RUN_ID
from hashaudit.record.chain import (
    MAX_AGE_S,
    MAX_FINDING_AGE_S,
    MAX_SEGMENT_BYTES,
    MAX_SEGMENT_LINES,
    Chain,
    Ending,
)
from hashaudit.record.codec import decode_line
from hashaudit.record.schema import Checkpoint, EndReason, Totals
from hashaudit.record.totals import TotalsCounter

TIME = "2026-11-21T17:44:56.000000000Z"
NOTHING: Totals = TotalsCounter().totals()


def closed(chain: Chain, ending: Ending | None = None) -> tuple[bytes, bytes, dict[str, Any]]:
    """The segment, its checkpoint line and the checkpoint's body."""
    data = chain.close(TIME, NOTHING, None, ending)
    *lines, last = data.splitlines(keepends=True)
    checkpoint = decode_line(last[:-1])
    assert isinstance(checkpoint, Checkpoint)
    return b"".join(lines), last, json.loads(checkpoint.body)


def deadline_s(chain: Chain) -> float | None:
    return chain.deadline_s


def test_a_segment_is_due_after_its_age_a_finding_sooner() -> None:
    chain = Chain(RUN_ID)
    assert deadline_s(chain) is None
    assert not chain.due(1e9)
    chain.append(b"a\n", 10.0, urgent=False)
    assert chain.deadline_s == 10.0 + MAX_AGE_S
    assert not chain.due(14.9)
    assert chain.due(15.0)
    chain.append(b"b\n", 12.0, urgent=True)
    assert chain.deadline_s == 12.0 + MAX_FINDING_AGE_S
    chain.append(b"c\n", 12.1, urgent=True)
    chain.append(b"d\n", 12.1, urgent=False)
    assert chain.deadline_s == 12.0 + MAX_FINDING_AGE_S, "later lines do not put it off"
    assert chain.due(12.25)
    closed(chain)
    assert deadline_s(chain) is None
    assert not chain.due(1e9)


def test_a_finding_does_not_put_off_what_is_due_earlier() -> None:
    chain = Chain(RUN_ID)
    chain.append(b"a\n", 10.0, urgent=False)
    chain.append(b"b\n", 14.9, urgent=True)
    assert chain.deadline_s == 10.0 + MAX_AGE_S


def test_a_segment_is_due_when_it_is_full() -> None:
    chain = Chain(RUN_ID)
    for _ in range(MAX_SEGMENT_LINES - 1):
        chain.append(b"a\n", 0.0, urgent=False)
    assert not chain.due(0.0)
    chain.append(b"a\n", 0.0, urgent=False)
    assert chain.due(0.0)
    closed(chain)
    chain.append(b"a" * (MAX_SEGMENT_BYTES - 1), 0.0, urgent=False)
    assert not chain.due(0.0)
    chain.append(b"\n", 0.0, urgent=False)
    assert chain.due(0.0)


def test_a_checkpoint_names_its_lines_and_the_checkpoint_before() -> None:
    chain = Chain(RUN_ID)
    assert chain.next_seq == 1
    for line in (b"a\n", b"b\n"):
        chain.append(line, 0.0, urgent=False)
    segment, first_line, first = closed(chain)
    assert segment == b"a\nb\n"
    assert first == {
        "v": 1,
        "run_id": RUN_ID,
        "first": 1,
        "last": 2,
        "segment_sha256": hashlib.sha256(b"a\nb\n").hexdigest(),
        "prev_checkpoint_sha256": None,
        "time": TIME,
        "totals": first["totals"],
        "final": False,
    }
    chain.append(b"c\n", 0.0, urgent=False)
    segment, second_line, second = closed(chain)
    assert (second["first"], second["last"], chain.next_seq) == (3, 3, 4)
    assert second["segment_sha256"] == hashlib.sha256(b"c\n").hexdigest()
    assert second["prev_checkpoint_sha256"] == hashlib.sha256(first_line).hexdigest()
    before = b"a\nb\n" + first_line + b"c\n" + second_line
    segment, last_line, last = closed(chain, Ending(EndReason.SIGNAL, 130))
    assert segment == b""
    assert (last["first"], last["last"], last["final"]) == (4, 3, True)
    assert last["segment_sha256"] == hashlib.sha256(b"").hexdigest()
    assert last["file_sha256"] == hashlib.sha256(before).hexdigest()
    assert (last["end"], last["reason"], last["exit_code"]) == (TIME, "signal", 130)
    assert chain.file_sha512 == hashlib.sha512(before + last_line).digest()


def test_the_bodys_exact_bytes_are_what_is_signed() -> None:
    signed = []

    def sign(message: bytes) -> str:
        signed.append(message)
        return "signature"

    chain = Chain(RUN_ID)
    chain.append(b"a\n", 0.0, urgent=False)
    line = chain.close(TIME, NOTHING, sign).splitlines()[-1]
    checkpoint = decode_line(line)
    assert isinstance(checkpoint, Checkpoint)
    assert signed == [checkpoint.body.encode()]
    assert checkpoint.sshsig == "signature"


@given(st.lists(st.lists(st.binary(max_size=20), max_size=4), max_size=6))
def test_any_lines_chain(segments: list[list[bytes]]) -> None:
    chain = Chain(RUN_ID)
    written = b""
    expected_first, previous = 1, None
    for segment in segments:
        for line in segment:
            chain.append(line.replace(b"\n", b"") + b"\n", 0.0, urgent=False)
        lines, checkpoint_line, body = closed(chain)
        assert lines == b"".join(line.replace(b"\n", b"") + b"\n" for line in segment)
        assert (body["first"], body["last"]) == (expected_first, expected_first + len(segment) - 1)
        assert body["prev_checkpoint_sha256"] == previous
        expected_first += len(segment)
        previous = hashlib.sha256(checkpoint_line).hexdigest()
        written += lines + checkpoint_line
    _, _, final = closed(chain, Ending(EndReason.COMPLETED, 0))
    assert final["file_sha256"] == hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize("ending", [None, Ending(EndReason.COMPLETED, 0)])
def test_only_a_final_checkpoint_has_an_end(ending: Ending | None) -> None:
    body = closed(Chain(RUN_ID), ending)[2]
    for field in ("file_sha256", "end", "reason", "exit_code"):
        assert (field in body) is (ending is not None)
