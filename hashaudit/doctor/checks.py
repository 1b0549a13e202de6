"""The page: everything that is looked at, in its order."""

from collections.abc import Iterator
from functools import partial

import msgspec

from hashaudit.doctor import disk_space, inputs, root_storage, software, system
from hashaudit.doctor.check import Check, Question, answered
from hashaudit.lists.interface import ListSpec


class Subject(msgspec.Struct, frozen=True):
    """What a scan would be given."""

    roots: tuple[bytes, ...] = ()
    lists: tuple[ListSpec, ...] = ()
    key: str | None = None
    """``None``: nothing will be signed, or it is not known with what."""
    key_is_made: bool = False
    """The key is the user's own, which the first scan makes."""
    output: str | None = None


def examine(subject: Subject) -> Iterator[Check]:
    """Looks at this host with an eye to a scan; yields each check as soon as it is known."""
    return answered(_questions(subject))


def _questions(subject: Subject) -> Iterator[Question]:
    yield Question("kernel.release", system.release)
    yield Question("kernel.worker", partial(system.workers, subject.roots))
    yield Question("software.python", software.python)
    yield Question("software.codecs", software.codecs)
    yield Question("software.programs", software.programs)
    yield Question("digests.speed", software.digests)
    yield Question("clock.synchronised", system.clock)
    yield Question("limits.processors", system.processors)
    yield Question("limits.memory", system.memory)
    yield Question("limits.descriptors", partial(system.descriptors, len(subject.lists)))
    for root in subject.roots:
        yield Question("root.access", partial(root_storage.root, root), root)
    if subject.key is not None:
        yield Question("key.use", partial(inputs.key, subject.key, made_at_first_use=subject.key_is_made))
    for spec in subject.lists:
        yield Question("list.use", partial(inputs.hash_list, spec), spec.path.encode(errors="surrogateescape"))
    if subject.output is not None:
        yield Question("space.output", partial(disk_space.output, subject.output))
    yield Question("space.temporary", disk_space.temporary)
    yield Question("space.cache", disk_space.cache)
