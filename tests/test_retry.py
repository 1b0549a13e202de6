import errno
import time

import pytest

from hashaudit.model.faults import FaultCode
from hashaudit.retry import Retry, RetryPolicy, is_transient_fault, retry_on_mount


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def failing(*numbers: int) -> "list[OSError | str]":
    return [OSError(number, "failed") for number in numbers]


def act(outcomes: "list[OSError | str]") -> str:
    outcome = outcomes.pop(0)
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


def test_a_transient_error_is_retried(pauses: list[float]) -> None:
    outcomes = [*failing(errno.EIO, errno.ESTALE), "done"]
    assert retry_on_mount(lambda: act(outcomes)) == "done"
    assert pauses == [0.25, 0.5]


def test_the_last_error_is_raised(pauses: list[float]) -> None:
    outcomes = failing(errno.EIO, errno.EIO, errno.EIO)
    with pytest.raises(OSError, match="failed"):
        retry_on_mount(lambda: act(outcomes))
    assert (outcomes, pauses) == ([], [0.25, 0.5])


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ENAMETOOLONG])
def test_a_permanent_error_is_not_retried(pauses: list[float], number: int) -> None:
    outcomes = failing(number, errno.EIO)
    with pytest.raises(OSError, match="failed"):
        retry_on_mount(lambda: act(outcomes))
    assert (len(outcomes), pauses) == (1, [])


def test_progress_restarts_attempts_and_deadline(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    attempts = Retry(RetryPolicy(attempts=2, backoff_s=1.0, deadline_s=10.0, progress_bytes=100))
    assert attempts.wait(transient=True)
    assert not attempts.wait(transient=True, position=99)
    now_s[0] = 20.0
    assert attempts.wait(transient=True, position=100)
    now_s[0] = 31.0
    assert not attempts.wait(transient=True, position=199)
    assert pauses == [1.0, 1.0]


def test_jitter_shortens_a_pause(pauses: list[float]) -> None:
    attempts = Retry(RetryPolicy(attempts=4, backoff_s=1.0, jitter=0.5))
    while attempts.wait(transient=True):
        pass
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(pauses, [1.0, 2.0, 4.0], strict=True))


@pytest.mark.parametrize(
    ("code", "local", "on_mount"),
    [(FaultCode.TIMEOUT, True, True), (FaultCode.IO_ERROR, False, True), (FaultCode.PERMISSION_DENIED, False, False)],
)
def test_an_io_error_is_transient_on_mounts_only(code: FaultCode, local: bool, on_mount: bool) -> None:
    assert is_transient_fault(code, on_mount=False) is local
    assert is_transient_fault(code, on_mount=True) is on_mount
