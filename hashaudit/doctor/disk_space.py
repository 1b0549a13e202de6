"""Where things are written: the findings, what is temporary, the cache of compiled lists."""

import os
import shutil
import tempfile
from collections.abc import Iterator

from hashaudit.doctor.check import Check, State
from hashaudit.lists.compile_cache import user_cache_folder
from hashaudit.record.output import SIDECAR_SUFFIX

LEAST_OUTPUT_BYTES = 10 << 20
"""Less does not hold the faults of a small damaged tree."""

SCARCE_OUTPUT_BYTES = 1 << 30
"""About three million lines."""

SCARCE_TEMPORARY_BYTES = 256 << 20
"""The names of a folder of a million files are sorted in less."""


def output(path: str) -> Iterator[Check]:
    """A findings file that is still to be made."""
    subject = os.fsencode(path)
    for name in (subject, subject + SIDECAR_SUFFIX):
        if os.path.lexists(name):
            found = f"{os.fsdecode(name)} exists already and is never overwritten"
            yield Check("space.output", State.PROBLEM, found, "choose another name", subject)
            return
    folder = os.path.dirname(os.path.abspath(path))
    try:
        free = _free_after_writing(folder)
    except OSError as error:
        found = f"nothing can be written to {folder}: {error.strerror}"
        advice = "name a folder that this user can write to, on a disk that is not mounted read-only"
        yield Check("space.output", State.PROBLEM, found, advice, subject)
        return
    found = f"can be made; {_shown(free)} free in {folder}"
    if free < LEAST_OUTPUT_BYTES:
        yield Check("space.output", State.PROBLEM, found, "make space: a full disk ends a scan", subject)
    elif free < SCARCE_OUTPUT_BYTES:
        yield Check("space.output", State.WARNING, found, "make space, above all for --record all", subject)
    else:
        yield Check("space.output", State.OK, found, None, subject)


def temporary() -> Iterator[Check]:
    """Where the workers' boards go, and for a while the names of large folders."""
    try:
        folder = tempfile.gettempdir()
        free = _free_after_writing(folder)
    except OSError as error:
        found = f"there is no temporary folder that can be written: {error.strerror}"
        yield Check("space.temporary", State.PROBLEM, found, "set TMPDIR to a folder that this user can write to")
        return
    found = f"{_shown(free)} free in {folder}"
    if free < SCARCE_TEMPORARY_BYTES:
        yield Check("space.temporary", State.WARNING, found, "set TMPDIR to a folder with more space")
    else:
        yield Check("space.temporary", State.OK, found)


def cache() -> Iterator[Check]:
    """Where large lists are kept compiled."""
    folder = user_cache_folder()
    if folder is None:
        found = "there is no folder that is this user's alone: large lists are compiled at each start"
        yield Check("space.cache", State.WARNING, found, "set XDG_CACHE_HOME, or compile with hashaudit lists build")
    else:
        yield Check("space.cache", State.OK, f"{_shown(shutil.disk_usage(folder).free)} free in {folder}")


def _free_after_writing(folder: str) -> int:
    """Free bytes of a folder's filesystem, once it has taken a nameless file.

    Raises:
        OSError: it does not.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        return shutil.disk_usage(folder).free


def _shown(count_bytes: int) -> str:
    return f"{count_bytes / 2**30:,.1f} GiB"
