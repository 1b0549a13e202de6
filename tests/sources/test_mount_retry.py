import errno
import time

import pytest

from hashaudit.sources.mount_retry import retry_on_mount


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


def test_what_passes_is_done_in_the_end(pauses: list[float]) -> None:
    outcomes = [*failing(errno.EIO, errno.ESTALE), "done"]
    assert retry_on_mount(lambda: act(outcomes)) == "done"
    assert pauses == [0.25, 0.5]


def test_what_does_not_pass_is_told(pauses: list[float]) -> None:
    outcomes = failing(errno.EIO, errno.EIO, errno.EIO)
    with pytest.raises(OSError, match="failed"):
        retry_on_mount(lambda: act(outcomes))
    assert (outcomes, pauses) == ([], [0.25, 0.5])


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ENAMETOOLONG])
def test_what_would_be_no_other_is_not_asked_again(pauses: list[float], number: int) -> None:
    outcomes = failing(number, errno.EIO)
    with pytest.raises(OSError, match="failed"):
        retry_on_mount(lambda: act(outcomes))
    assert (len(outcomes), pauses) == (1, [])
