"""One check of this host or of a scan's inputs, and its result."""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec


class State(StrEnum):
    """The result of a check, best first."""

    OK = "ok"
    WARNING = "warning"
    """A scan works, but is slower, less protected or proves less than it could."""
    PROBLEM = "problem"
    """A scan could not start, or its result would be wrong."""


class Check(msgspec.Struct, frozen=True):
    """The result of one check."""

    name: str
    """Stable name ``area.thing``, listed in docs/guides/doctor.md."""
    state: State
    found: str
    """Text for people. It shows no list entry, and of a key only the fingerprint."""
    advice: str | None = None
    """The action to take; ``None`` if none is needed."""
    subject: bytes | None = None
    """The exact path that the check is about, as given; ``None`` if it is about the host."""


class PlannedCheck(msgspec.Struct, frozen=True):
    """One check that is still to be made."""

    name: str
    """Name of the check that reports a failure of ``look``."""
    look: Callable[[], Iterable[Check]]
    subject: bytes | None = None


def run_checks(planned_checks: Iterable[PlannedCheck]) -> Iterator[Check]:
    """Runs checks one by one. A check that raises becomes a warning, and the others still run."""
    for planned in planned_checks:
        try:
            yield from planned.look()
        except Exception as error:  # noqa: BLE001 # one failed check must not hide the others
            yield Check(
                planned.name,
                State.WARNING,
                f"the check failed: {_described(error)}",
                "report it if the host works otherwise",
                planned.subject,
            )


def worst_state(checks: Iterable[Check]) -> State:
    """Returns the worst state of all checks."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.OK)


def _described(error: Exception) -> str:
    """Returns the type and place of an error. Omits its message, which may hold file content."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(last.filename)}:{last.lineno}"
