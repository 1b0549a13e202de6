"""One thing that was looked at, and what came of it."""

import os
import traceback
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec


class State(StrEnum):
    """How good it is."""

    OK = "ok"
    WARNING = "warning"
    """A scan works, and is slower, less protected or worth less than it could be."""
    PROBLEM = "problem"
    """A scan could not start, or its result would be wrong."""


class Check(msgspec.Struct, frozen=True):
    """One line of the page."""

    name: str
    """Stable: ``area.thing``, as docs/guides/doctor.md lists them."""
    state: State
    found: str
    """For people; holds no list entry and nothing of a key but its fingerprint."""
    advice: str | None = None
    """What to do about it; ``None`` where nothing need be done."""
    subject: bytes | None = None
    """What it is about where there are several: the exact path as it was given."""


class PlannedCheck(msgspec.Struct, frozen=True):
    """What is to be looked at."""

    name: str
    """Of the check that stands for it where looking fails."""
    look: Callable[[], Iterable[Check]]
    subject: bytes | None = None


def run_checks(questions: Iterable[PlannedCheck]) -> Iterator[Check]:
    """Looks at one thing after the other. What fails to look is a check of its own and keeps no other from it."""
    for question in questions:
        try:
            yield from question.look()
        except Exception as error:  # noqa: BLE001 # the page has to come to its end, whatever this host is like
            yield Check(
                question.name,
                State.WARNING,
                f"this could not be looked at: {_described(error)}",
                "please report it if the system is in order",
                question.subject,
            )


def worst_state(checks: Iterable[Check]) -> State:
    """The least good state."""
    order = list(State)
    return max((check.state for check in checks), key=order.index, default=State.OK)


def _described(error: Exception) -> str:
    """What kind of error and where. Not its message, which may hold what was read."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(last.filename)}:{last.lineno}"
