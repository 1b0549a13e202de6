"""Guards against an empty "clean": what the roots and the lists must have, so that a scan means something."""

import os
import time
from collections.abc import Iterator, Sequence

from hashaudit.errors import HostError
from hashaudit.lists.interface import ListInfo
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.paths import for_terminal
from hashaudit.model.results import Role
from hashaudit.scan.config import Guards, ScanConfig
from hashaudit.sources.interface import RootDescription

_SECONDS_A_DAY = 86_400


def guard_faults(
    config: ScanConfig, roots: Sequence[RootDescription], lists: Sequence[ListInfo]
) -> tuple[PathFault, ...]:
    """Returns what the guards find before the walk.

    Args:
        config: the options.
        roots: the roots.
        lists: the loaded lists.

    Raises:
        HostError: they find something, and the options say that the scan does not start then.
    """
    found = (*_unmounted(config, roots), *_poor_lists(config, lists))
    if config.guards is Guards.ERROR:
        found = (*found, *_empty_directories(config, roots))
        if found:
            first = found[0]
            raise HostError(
                f"a guard refuses the scan: '{for_terminal(first.path)}'; {first.fault.message}",
                hint="see hashaudit explain " + first.fault.code,
            )
    return found


def _unmounted(config: ScanConfig, roots: Sequence[RootDescription]) -> Iterator[PathFault]:
    for number, root in enumerate(roots if config.require_mount else ()):
        if root.mount_point != root.path:
            yield _fault(root.path, Stage.WALK, FaultCode.ROOT_EMPTY, "ROOT is not a mount point", number)


def _poor_lists(config: ScanConfig, lists: Sequence[ListInfo]) -> Iterator[PathFault]:
    now_s = time.time()
    for info in lists:
        if info.role is not Role.DENY:
            continue
        path = os.path.abspath(os.fsencode(info.path))
        if info.kept < config.min_entries:
            text = f"{info.kept} list entries instead of at least {config.min_entries}"
            yield _fault(path, Stage.MATCH, FaultCode.LIST_TOO_SMALL, text)
        age_s = now_s - int(info.mtime_ns) / 1e9
        if config.max_list_age_s is not None and age_s > config.max_list_age_s:
            allowed = config.max_list_age_s / _SECONDS_A_DAY
            text = f"the list is {age_s / _SECONDS_A_DAY:.1f} days old; at most {allowed:.1f} are allowed"
            yield _fault(path, Stage.MATCH, FaultCode.LIST_TOO_OLD, text)


def _empty_directories(config: ScanConfig, roots: Sequence[RootDescription]) -> Iterator[PathFault]:
    for number, root in enumerate(roots if config.min_files else ()):
        try:
            with os.scandir(root.path) as entries:
                is_empty = next(entries, None) is None
        except OSError:
            continue  # a file, a bucket, or what the walk reports
        if is_empty:
            yield _fault(root.path, Stage.WALK, FaultCode.ROOT_EMPTY, "ROOT is empty", number)


def _fault(path: bytes, stage: Stage, code: FaultCode, message: str, root: int = 0) -> PathFault:
    return PathFault(path, Fault(stage, code, message), directory=True, root=root)
