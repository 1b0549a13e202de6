"""Checks of the kernel and host: sandbox layers of a real worker, the clock, and the limits on resources."""

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
from hashaudit.model.counted import counted
from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.plan import deadlines, plan_for, workers_with_descriptors
from hashaudit.workers.local.pool import Pool

ADVICE_ON_LAYERS: dict[str, str] = {
    sandbox.PARENT_DEATH_SIGNAL: "after kill -9 of a scan, find and kill its workers",
    sandbox.NO_NEW_PRIVILEGES: "scan on Linux where content may be hostile",
    sandbox.NO_CORE_DUMPS: "forbid core dumps (ulimit -c 0), because one would hold file content",
    sandbox.NO_FILE_GROWTH: "do not scan as a user who may write to anything valuable",
    sandbox.ADDRESS_SPACE_LIMIT: "run the scan in a cgroup with a memory limit",
    sandbox.FEW_CAPABILITIES: "do not scan hostile content as root here",
    sandbox.LANDLOCK: "use Linux 5.13 or newer with landlock among the active modules (/sys/kernel/security/lsm)",
    sandbox.SECCOMP: "allow seccomp in the container, or scan outside of it",
}
"""The advice for each layer of the sandbox, if it is inactive."""

MIN_WORKER_MEMORY_BYTES = 512 << 20
"""Memory of a worker that decodes a large image."""


def release() -> Iterator[Check]:
    """Checks the operating system."""
    system = platform.uname()
    found = f"{system.system} {system.release}, {system.machine}"
    if system.system == "Linux":
        yield Check("kernel.release", State.OK, found)
    else:
        yield Check("kernel.release", State.WARNING, found, "scan on Linux; README.md lists the limitations")


def workers(roots: tuple[bytes, ...]) -> Iterator[Check]:
    """Starts one worker as a scan does, and checks which layers of its sandbox are active."""
    config = ScanConfig(roots=roots or (b"/",), record=RecordScope.ALL)
    begun_s = time.monotonic()
    try:
        with Pool[None](workers=1, deadlines=deadlines(config)) as pool:
            pool.begin(plan_for(config, LoadedLists()))
            layers = pool.wait_ready()
            took_s = time.monotonic() - begun_s
    except HostError as error:
        yield Check("kernel.worker", State.PROBLEM, str(error), error.hint or "fix this first; no scan can run")
        return
    yield Check("kernel.worker", State.OK, f"a worker process is ready after {took_s:.2f} s; its digests are correct")
    for layer in sandbox.LAYERS:
        name = f"kernel.{layer}"
        if layer in sandbox.missing(layers):
            found = "inactive: only the other layers contain a compromised decoder"
            yield Check(name, State.WARNING, found, ADVICE_ON_LAYERS[layer])
        else:
            exact = next(each for each in layers if each.startswith(layer))
            yield Check(name, State.OK, "active" if exact == layer else f"active: {exact}")


def clock() -> Iterator[Check]:
    """Checks whether the times in the findings can be relied on."""
    synchronised = hardware.clock_is_synchronised()
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if synchronised:
        yield Check("clock.synchronised", State.OK, f"synchronised; it is {now}")
        return
    found = "not synchronised" if synchronised is False else "synchronisation unknown"
    advice = "start chrony or systemd-timesyncd, or record the clock offset; the findings header says so too"
    yield Check("clock.synchronised", State.WARNING, f"{found}; the clock shows {now}", advice)


def descriptors(lists: int) -> Iterator[Check]:
    """Checks how many workers the limit on open files allows."""
    limit = raise_open_file_limit()
    room = workers_with_descriptors(limit, lists)
    found = f"{'no limit' if limit is None else limit} open files: enough for {counted(room, 'worker')}"
    if room == 0:
        yield Check("limits.descriptors", State.PROBLEM, found, "raise the limit: ulimit -n 1024, or LimitNOFILE=")
    elif room < hardware.cpu_count():
        yield Check("limits.descriptors", State.WARNING, found, "raise the limit: ulimit -n 1024, or LimitNOFILE=")
    else:
        yield Check("limits.descriptors", State.OK, found)


def processors() -> Iterator[Check]:
    """Checks how many processors may be used."""
    usable, present = hardware.cpu_count(), os.cpu_count() or 1
    if usable < present:
        found = f"{usable} of {present} usable, because of affinity or a cgroup quota"
        yield Check(
            "limits.processors", State.WARNING, found, "raise CPUQuota= or the container's limit, unless it is intended"
        )
    else:
        yield Check("limits.processors", State.OK, f"all {present} usable")


def memory() -> Iterator[Check]:
    """Checks whether there is enough memory for the workers."""
    available, limit = hardware.available_memory_bytes(), hardware.memory_limit_bytes()
    bounds = [each for each in (available, limit) if each is not None]
    if not bounds:
        yield Check("limits.memory", State.WARNING, "available memory unknown", "watch the memory of the first scan")
        return
    least = min(bounds)
    found = f"{least / 2**30:.1f} GiB available" + (" (cgroup limit)" if least == limit else "")
    needed = hardware.cpu_count() * MIN_WORKER_MEMORY_BYTES
    if least < needed:
        advice = f"use fewer workers: -j {max(1, least // MIN_WORKER_MEMORY_BYTES)}, or a lower --max-memory"
        yield Check("limits.memory", State.WARNING, found, advice)
    else:
        yield Check("limits.memory", State.OK, found)
