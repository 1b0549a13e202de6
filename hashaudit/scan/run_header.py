"""Line 1 of the findings file: who ran what, where, with which lists, under which limits."""

import os
import platform
import socket
import stat
import time
from collections.abc import Sequence

from hashaudit import __version__, installed_versions
from hashaudit.host.hardware import clock_is_synchronised
from hashaudit.lists.interface import ListInfo
from hashaudit.model import paths
from hashaudit.model.secret_masking import mask_arguments
from hashaudit.record import convert, timestamps
from hashaudit.record.fields import Setting
from hashaudit.record.header import (
    FORMAT_VERSION,
    AcceptanceFile,
    ClockSync,
    ConfigSource,
    ManifestSource,
    Root,
    RootType,
    RunHeader,
    System,
    Tool,
)
from hashaudit.record.run_id import new_run_id
from hashaudit.scan.config import ExecutorKind, ScanConfig
from hashaudit.scan.option import DeclaredOption, options_of
from hashaudit.sources.interface import RootDescription

CACHE_STATE = "cache_state"
"""Setting: the outcome of opening the cache. It is found out, not configured."""


def run_header(
    config: ScanConfig,
    *,
    argv: Sequence[str],
    workers: int,
    algorithms: Sequence[str],
    roots: Sequence[RootDescription],
    lists: Sequence[ListInfo],
    key_fingerprint: str | None,
    sandbox: Sequence[str],
    cache_state: str | None = None,
    against: Sequence[ManifestSource] = (),
    acceptances: Sequence[AcceptanceFile] = (),
) -> RunHeader:
    """Describes a run that is about to begin.

    Args:
        config: what was asked.
        argv: the command line as called.
        workers: how many processes examine.
        algorithms: the digests computed for every file.
        roots: as the source describes them.
        lists: in the order of their numbers.
        key_fingerprint: of the signing key; ``None`` for an unsigned run.
        sandbox: the layers in force in the workers.
        cache_state: what came of opening the cache, if there is one.
        against: the manifests of an audit.
        acceptances: the files of accepted findings.
    """
    now_ns = time.time_ns()
    system = platform.uname()
    in_force = {
        "workers": workers,
        "executor": config.executor or ExecutorKind.LOCAL,
        "algorithms": tuple(algorithms),
    }
    settings = {
        one.header: _setting(one, in_force.get(one.field, getattr(config, one.field)))
        for one in options_of(ScanConfig)
        if one.option.in_config
    }
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    return RunHeader(
        v=FORMAT_VERSION,
        run_id=new_run_id(now_ns),
        start=timestamps.to_text(now_ns),
        tool=Tool(name="hashaudit", version=__version__),
        versions=installed_versions.deciding(),
        argv=mask_arguments(argv),
        config=settings | {CACHE_STATE: cache_state},
        config_sources={name: ConfigSource(origin) for name, origin in config.origins.items()},
        config_file=config.config_file,
        host=socket.gethostname(),
        os=System(name=system.system, release=system.release, version=system.version, machine=system.machine),
        uid=uid,
        clock_sync=_clock_sync(),
        case=config.case,
        exhibit=config.exhibit,
        examiner=config.examiner,
        note=config.note,
        roots=tuple(_root(root) for root in roots),
        inclusions=tuple(paths.to_text(glob)[0] for glob in config.include),
        exclusions=tuple(paths.to_text(glob)[0] for glob in config.exclude)
        + tuple(f"pseudo filesystem {paths.to_text(mount)[0]}" for root in roots for mount in root.left_out),
        lists=tuple(convert.of_list(number, info) for number, info in enumerate(lists, 1)),
        against=tuple(against),
        acceptances=tuple(acceptances),
        key_fingerprint=key_fingerprint,
        sandbox=tuple(sandbox),
    )


def _setting(declared: DeclaredOption, value: object) -> Setting:
    if isinstance(value, dict):
        value = tuple(f"{key}={one}" for key, one in value.items())
    setting = convert.of_setting(value)
    mask = declared.option.mask
    return mask(setting) if mask is not None and isinstance(setting, str) else setting


def _clock_sync() -> ClockSync:
    state = clock_is_synchronised()
    if state is None:
        return ClockSync.UNKNOWN
    return ClockSync.SYNCHRONISED if state else ClockSync.UNSYNCHRONISED


def _root(root: RootDescription) -> Root:
    path, path_uri = paths.to_text(root.path)
    return Root(
        path=path,
        path_uri=path_uri,
        type=RootType.BUCKET if root.is_bucket else _root_type(root.path),
        filesystem=root.fs_type,
        mount_source=None if root.source is None else paths.to_text(root.source)[0],
        mount_point=None if root.mount_point is None else paths.to_text(root.mount_point)[0],
        mount_options=tuple((root.options or "").split(",")) if root.options else (),
        device=None if root.device is None else str(root.device),
        inode=None if root.inode is None else str(root.inode),
    )


def _root_type(path: bytes) -> RootType:
    try:
        return RootType.DIRECTORY if stat.S_ISDIR(os.stat(path).st_mode) else RootType.FILE
    except OSError:
        # What is not there is reported by the walk, as a fault.
        return RootType.DIRECTORY
