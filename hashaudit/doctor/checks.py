"""All checks of a planned scan, in the order of the report."""

from collections.abc import Iterator
from functools import partial

import msgspec

from hashaudit.doctor import disk_space, inputs, root_storage, software, system
from hashaudit.doctor.check import Check, PlannedCheck, run_checks
from hashaudit.lists.interface import ListSpec


class Subject(msgspec.Struct, frozen=True):
    """The inputs of the planned scan."""

    roots: tuple[bytes, ...] = ()
    lists: tuple[ListSpec, ...] = ()
    key: str | None = None
    """Path of the signing key; ``None`` if there is none or it is unknown."""
    key_is_made: bool = False
    """The key is the user's own, which the first scan creates."""
    output: str | None = None


def examine(subject: Subject) -> Iterator[Check]:
    """Checks whether the planned scan can run here. Yields each result as soon as it is known."""
    return run_checks(_planned_checks(subject))


def _planned_checks(subject: Subject) -> Iterator[PlannedCheck]:
    yield PlannedCheck("kernel.release", system.release)
    yield PlannedCheck("kernel.worker", partial(system.workers, subject.roots))
    yield PlannedCheck("software.python", software.python)
    yield PlannedCheck("software.codecs", software.codecs)
    yield PlannedCheck("software.readers", software.readers)
    yield PlannedCheck("software.programs", software.programs)
    yield PlannedCheck("digests.speed", software.digests)
    yield PlannedCheck("clock.synchronised", system.clock)
    yield PlannedCheck("limits.processors", system.processors)
    yield PlannedCheck("limits.memory", system.memory)
    yield PlannedCheck("limits.descriptors", partial(system.descriptors, len(subject.lists)))
    for root in subject.roots:
        yield PlannedCheck("root.access", partial(root_storage.root, root), root)
    if subject.key is not None:
        yield PlannedCheck("key.use", partial(inputs.key, subject.key, made_at_first_use=subject.key_is_made))
    for spec in subject.lists:
        yield PlannedCheck("list.use", partial(inputs.hash_list, spec), spec.path.encode(errors="surrogateescape"))
    if subject.output is not None:
        yield PlannedCheck("space.output", partial(disk_space.output, subject.output))
    yield PlannedCheck("space.temporary", disk_space.temporary)
    yield PlannedCheck("space.cache", disk_space.cache)
