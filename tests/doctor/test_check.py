from collections.abc import Iterator
from pathlib import Path

import pytest

from hashaudit.doctor import software
from hashaudit.doctor.check import Check, PlannedCheck, State, run_checks, worst_state
from hashaudit.doctor.checks import Subject, examine
from hashaudit.doctor.system import ADVICE_ON_LAYERS
from hashaudit.host import hardware
from hashaudit.host.sandbox import sandbox
from hashaudit.model.results import AlgorithmName


def good() -> Iterator[Check]:
    yield Check("good", State.OK, "fine")


def bad() -> Iterator[Check]:
    yield Check("bad", State.OK, "half of it")
    raise ValueError("secret content")


def test_a_check_that_fails_is_told_and_keeps_no_other_from_it() -> None:
    found = list(run_checks([PlannedCheck("bad", bad), PlannedCheck("good", good)]))
    assert [(check.name, check.state) for check in found] == [
        ("bad", State.OK),
        ("bad", State.WARNING),
        ("good", State.OK),
    ]
    assert "ValueError in test_check.py" in found[1].found
    assert "secret" not in found[1].found


def test_the_least_good_state_counts() -> None:
    states = [Check("x", state, "x") for state in (State.WARNING, State.PROBLEM, State.OK)]
    assert worst_state(states) is State.PROBLEM
    assert worst_state(states[:1]) is State.WARNING
    assert worst_state([]) is State.OK


def test_there_is_advice_for_each_layer() -> None:
    assert set(ADVICE_ON_LAYERS) == set(sandbox.LAYERS)


@pytest.mark.parametrize(
    ("flags", "sha256", "state"),
    [("sse2 sha_ni", 1900, State.OK), ("sse2 sha_ni", 400, State.WARNING), ("sse2", 400, State.OK)],
)
def test_sha_instructions_that_are_not_used(
    flags: str, sha256: int, state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    speeds = {"sha256": sha256 << 20, "sha512": 700 << 20}
    monkeypatch.setattr(software, "CPU_INFO", str(info))
    monkeypatch.setattr(software, "_bytes_per_s", lambda name: speeds.get(name, 1))
    assert [check.state for check in software.digests()][-1] is state


def test_every_digest_is_measured() -> None:
    assert software._bytes_per_s(AlgorithmName("md5")) > 1 << 20


@pytest.mark.parametrize(("synchronised", "state"), [(True, State.OK), (False, State.WARNING), (None, State.WARNING)])
def test_the_clock(synchronised: bool | None, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "clock_is_synchronised", lambda: synchronised)
    monkeypatch.setattr("hashaudit.doctor.system.workers", lambda _roots: iter(()))
    found = {check.name: check for check in examine(Subject())}
    assert found["clock.synchronised"].state is state
