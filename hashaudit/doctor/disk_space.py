"""Checks of the places that a scan writes to: findings file, temporary directory, cache of compiled lists."""

import os
import shutil
import tempfile
from collections.abc import Iterator

from hashaudit.doctor.check import Check, State
from hashaudit.lists.compile_cache import user_cache_directory
from hashaudit.record.output import SIDECAR_SUFFIX

LEAST_OUTPUT_BYTES = 10 << 20
"""The faults of a small damaged tree can fill less than this."""

SCARCE_OUTPUT_BYTES = 1 << 30
"""Space for about three million records."""

SCARCE_TEMPORARY_BYTES = 256 << 20
"""Sorting the names of a directory with a million files takes less."""


def output(path: str) -> Iterator[Check]:
    """Checks that a new findings file can be created."""
    subject = os.fsencode(path)
    for name in (subject, subject + SIDECAR_SUFFIX):
        if os.path.lexists(name):
            found = f"{os.fsdecode(name)} already exists (hashaudit never overwrites it)"
            yield Check("space.output", State.PROBLEM, found, "choose another name", subject)
            return
    folder = os.path.dirname(os.path.abspath(path))
    try:
        free = _free_after_writing(folder)
    except OSError as error:
        found = f"cannot write to {folder}: {error.strerror}"
        advice = "choose a directory that this user can write to, on a disk that is not mounted read-only"
        yield Check("space.output", State.PROBLEM, found, advice, subject)
        return
    found = f"can be created; {_shown(free)} free in {folder}"
    if free < LEAST_OUTPUT_BYTES:
        yield Check("space.output", State.PROBLEM, found, "free some space: a full disk ends a scan", subject)
    elif free < SCARCE_OUTPUT_BYTES:
        yield Check("space.output", State.WARNING, found, "free some space, especially for --record all", subject)
    else:
        yield Check("space.output", State.OK, found, None, subject)


def temporary() -> Iterator[Check]:
    """Checks the temporary directory, which holds parts of large lists and the names of large directories."""
    try:
        folder = tempfile.gettempdir()
        free = _free_after_writing(folder)
    except OSError as error:
        found = f"no writable temporary directory: {error.strerror}"
        yield Check("space.temporary", State.PROBLEM, found, "set TMPDIR to a directory that this user can write to")
        return
    found = f"{_shown(free)} free in {folder}"
    if free < SCARCE_TEMPORARY_BYTES:
        yield Check("space.temporary", State.WARNING, found, "set TMPDIR to a directory with more space")
    else:
        yield Check("space.temporary", State.OK, found)


def cache() -> Iterator[Check]:
    """Checks the directory that keeps large lists compiled."""
    folder = user_cache_directory()
    if folder is None:
        found = "no private cache directory, so every scan compiles large lists again"
        yield Check("space.cache", State.WARNING, found, "set XDG_CACHE_HOME, or use hashaudit lists build")
    else:
        yield Check("space.cache", State.OK, f"{_shown(shutil.disk_usage(folder).free)} free in {folder}")


def _free_after_writing(folder: str) -> int:
    """Returns the free bytes of a directory's filesystem, after writing a nameless file there.

    Raises:
        OSError: the file cannot be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")
        file.flush()
        return shutil.disk_usage(folder).free


def _shown(count_bytes: int) -> str:
    return f"{count_bytes / 2**30:,.1f} GiB"
