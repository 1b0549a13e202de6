import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.faults import FaultCode
from hashaudit.workers.local.watchdog import Deadlines, ProgressMark, Watch

LIMITS = Deadlines(file_s=10, decode_s=4)
MIB = 1 << 20


def watch() -> Watch:
    """On its first item since second 0."""
    made = Watch(LIMITS, 0)
    made.observe(ProgressMark(1, 0, 0, decoding=False), 0)
    return made


def code(made: Watch, size_bytes: int | None, now_s: float) -> FaultCode | None:
    overdue = made.overdue(size_bytes, now_s)
    return None if overdue is None else overdue.code


@pytest.mark.parametrize(("now_s", "expected"), [(10, None), (10.1, FaultCode.TIMEOUT)])
def test_without_a_byte_time_runs_out_whatever_the_size(now_s: float, expected: FaultCode | None) -> None:
    assert code(watch(), 1 << 50, now_s) is expected
    assert code(watch(), None, now_s) is expected


def test_a_large_slow_file_continues() -> None:
    made = watch()
    for second in range(5, 36_000, 5):
        made.observe(ProgressMark(1, 0, second, decoding=False), second)
        assert code(made, 1 << 30, second) is None


def test_a_file_that_trickles_ends() -> None:
    made = watch()
    for second in range(1, 80):
        made.observe(ProgressMark(1, 0, second, decoding=False), second)
        assert code(made, MIB, second) is (FaultCode.TIMEOUT if second > 74 else None)


@pytest.mark.parametrize(("size", "allowed_s"), [(0, 5), (100 * MIB, 130)])
def test_decoding_has_its_own_time_by_size(size: int, allowed_s: int) -> None:
    made = watch()
    made.observe(ProgressMark(1, 0, 7, decoding=True), 9)
    assert code(made, size, 9 + allowed_s) is None
    assert code(made, size, 9.1 + allowed_s) is FaultCode.DECODE_TIMEOUT


def test_the_next_item_restarts_the_time_limits() -> None:
    made = watch()
    made.observe(ProgressMark(1, 0, 0, decoding=True), 3)
    made.observe(ProgressMark(1, 1, 0, decoding=True), 7.9)
    assert code(made, 0, 12.8) is None
    made.observe(ProgressMark(1, 1, 0, decoding=False), 12.8)
    assert code(made, 0, 17.8) is None


def test_a_worker_that_starts_has_its_time() -> None:
    made = Watch(LIMITS, 0)
    assert not made.unready(60)
    assert made.unready(121)
    made.restart(100)
    assert not made.unready(121)


@given(st.lists(st.tuples(st.floats(0, 9.9), st.integers(0, 3), st.booleans()), max_size=50))
def test_who_moves_in_time_is_never_overdue(steps: list[tuple[float, int, bool]]) -> None:
    made = watch()
    now_s = 0.0
    item = 0
    for pause_s, move, decoding in steps:
        now_s += min(pause_s, 3.9)
        item += 1 if move or decoding else 0
        made.observe(ProgressMark(1, item, int(now_s * 1000) + 1, decoding=decoding), now_s)
        assert code(made, 1 << 40, now_s) is None
