"""Loads the code of workers in the process that forks them, so that each of them starts with it."""

import importlib
import os

import msgspec

from hashaudit.host.priority import lower_priority
from hashaudit.model.containers import ContainerKind
from hashaudit.workers.protocol import BATCH_DECODER, CONFIG_DECODER

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Thread counts that numpy's linear algebra library reads when it is loaded, later."""


class Needs(msgspec.Struct, frozen=True, array_like=True):
    """The code that workers need, and their priority."""

    low_impact: bool = False
    images: bool = False
    """Decoders and perceptual hashes."""
    schemes: tuple[str, ...] = ()
    """URL schemes of the object stores whose clients they need."""
    readers: frozenset[ContainerKind] = frozenset()
    """Readers of these containers."""


ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Needs)


def load(argument: bytes) -> None:
    """Loads what the encoded :class:`Needs` name. Repeating it costs nothing."""
    needs = _DECODER.decode(argument)
    single_threaded()
    if needs.low_impact:
        lower_priority()  # the processes that start from here inherit it; what this host cannot lower, the scan reports
    importlib.import_module("hashaudit.workers.child.child_main")
    # Made here, once for all workers.
    for decoder in (CONFIG_DECODER, BATCH_DECODER):
        _ = decoder.decode
    if needs.images:
        importlib.import_module("hashaudit.workers.child.pictures")
        from hashaudit.content.images.warm_up import warm_up  # noqa: PLC0415 # decoders slow the start

        warm_up()
    if needs.schemes:
        importlib.import_module("hashaudit.workers.child.object_prefetch")
        from hashaudit.objectstores.store_registry import load_client  # noqa: PLC0415 # few scans need it

        for scheme in needs.schemes:
            load_client(scheme)
    if needs.readers:
        from hashaudit.content.containers.reader_registry import load_readers  # noqa: PLC0415 # only here

        load_readers(needs.readers)


def single_threaded() -> None:
    """Keeps libraries from starting threads: each worker is one thread of work, on its own core."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
