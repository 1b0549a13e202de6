"""The kernel: what it puts in force around a worker, tried with a real one; the clock; what may be used of the host."""

import os
import platform
import time
from collections.abc import Iterator

from hashaudit.doctor.check import Check, State
from hashaudit.errors import HostError
from hashaudit.host import hardware
from hashaudit.host.process import raise_open_file_limit
from hashaudit.host.sandbox import sandbox
from hashaudit.lists.load import LoadedLists
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.plan import deadlines, plan_for, workers_with_descriptors
from hashaudit.workers.local.pool import Pool

ADVICE_ON_LAYERS: dict[str, str] = {
    sandbox.PARENT_DEATH_SIGNAL: "after a kill -9 of a scan look for its workers and end them",
    sandbox.NO_NEW_PRIVILEGES: "scan on Linux where content may be hostile",
    sandbox.NO_CORE_DUMPS: "forbid core dumps on the system (ulimit -c 0): one would hold what was read",
    sandbox.NO_FILE_GROWTH: "do not scan as a user who may write to anything of worth",
    sandbox.ADDRESS_SPACE_LIMIT: "give the scan a control group with a limit of memory",
    sandbox.FEW_CAPABILITIES: "do not scan hostile content as root here",
    sandbox.LANDLOCK: "use Linux 5.13 or newer with landlock among the active modules (/sys/kernel/security/lsm)",
    sandbox.SECCOMP: "allow seccomp in the container, or scan outside of it",
}
"""What to do where a layer of the cage is missing."""

MIN_WORKER_MEMORY_BYTES = 512 << 20
"""A worker that decodes a large picture takes as much."""


def release() -> Iterator[Check]:
    """Which system this is."""
    system = platform.uname()
    found = f"{system.system} {system.release}, {system.machine}"
    if system.system == "Linux":
        yield Check("kernel.release", State.OK, found)
    else:
        yield Check("kernel.release", State.WARNING, found, "scan on Linux: README.md, Platforms, says what is missing")


def workers(roots: tuple[bytes, ...]) -> Iterator[Check]:
    """Starts one worker as a scan does, and says which layers of its cage came into force."""
    config = ScanConfig(roots=roots or (b"/",), record=RecordScope.ALL)
    begun_s = time.monotonic()
    try:
        with Pool[None](workers=1, deadlines=deadlines(config)) as pool:
            pool.begin(plan_for(config, LoadedLists()))
            layers = pool.wait_ready()
            took_s = time.monotonic() - begun_s
    except HostError as error:
        yield Check("kernel.worker", State.PROBLEM, str(error), "no scan can run before this is mended")
        return
    yield Check("kernel.worker", State.OK, f"a worker process is ready after {took_s:.2f} s; its digests are right")
    for layer in sandbox.LAYERS:
        name = f"kernel.{layer}"
        if layer in sandbox.missing(layers):
            found = "not in force: a decoder that is taken over is held by the other layers alone"
            yield Check(name, State.WARNING, found, ADVICE_ON_LAYERS[layer])
        else:
            exact = next(each for each in layers if each.startswith(layer))
            yield Check(name, State.OK, "in force" if exact == layer else f"in force: {exact}")


def clock() -> Iterator[Check]:
    """Whether the times in the findings are worth anything."""
    synchronised = hardware.clock_is_synchronised()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if synchronised:
        yield Check("clock.synchronised", State.OK, f"kept by a time service; it is {now}")
        return
    found = "not kept by a time service" if synchronised is False else "the system does not tell if it is kept"
    advice = "start chrony or systemd-timesyncd, or write down by how much the clock is off; the header says so too"
    yield Check("clock.synchronised", State.WARNING, f"{found}; it says {now}", advice)


def descriptors(lists: int) -> Iterator[Check]:
    """How many workers may be."""
    limit = raise_open_file_limit()
    room = workers_with_descriptors(limit, lists)
    found = f"{'no limit' if limit is None else limit} of open files: room for {room} workers"
    if room == 0:
        yield Check("limits.descriptors", State.PROBLEM, found, "raise the limit: ulimit -n 1024, or LimitNOFILE=")
    elif room < hardware.cpu_count():
        yield Check("limits.descriptors", State.WARNING, found, "raise the limit: ulimit -n 1024, or LimitNOFILE=")
    else:
        yield Check("limits.descriptors", State.OK, found)


def processors() -> Iterator[Check]:
    """How many processors may be used."""
    usable, present = hardware.cpu_count(), os.cpu_count() or 1
    if usable < present:
        found = f"{usable} of {present} may be used, by affinity or a control group's quota"
        yield Check("limits.processors", State.WARNING, found, "raise CPUQuota= or the container's limit, if meant to")
    else:
        yield Check("limits.processors", State.OK, f"all {present} may be used")


def memory() -> Iterator[Check]:
    """Whether the workers find room."""
    available, limit = hardware.available_memory_bytes(), hardware.memory_limit_bytes()
    bounds = [each for each in (available, limit) if each is not None]
    if not bounds:
        yield Check("limits.memory", State.WARNING, "the system does not tell", "watch the first scan's memory")
        return
    least = min(bounds)
    found = f"{least / 2**30:.1f} GiB to be had" + (", by a control group's limit" if least == limit else "")
    needed = hardware.cpu_count() * MIN_WORKER_MEMORY_BYTES
    if least < needed:
        advice = f"take fewer workers: -j {max(1, least // MIN_WORKER_MEMORY_BYTES)}, or a lower --max-memory"
        yield Check("limits.memory", State.WARNING, found, advice)
    else:
        yield Check("limits.memory", State.OK, found)
