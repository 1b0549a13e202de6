"""Line 1 of the findings file: who ran what, where, with which lists, under which limits."""

import os
import platform
import socket
import stat
import time
from collections.abc import Sequence

import msgspec

from hashaudit import __version__, installed_versions
from hashaudit.host.hardware import clock_is_synchronised
from hashaudit.lists.interface import ListInfo
from hashaudit.model import paths
from hashaudit.model.secret_masking import mask_address, mask_arguments, mask_secrets
from hashaudit.record import convert, timestamps
from hashaudit.record.header import FORMAT_VERSION, ClockSync, Root, RootType, RunHeader, System, Tool
from hashaudit.record.run_id import new_run_id
from hashaudit.scan.config import ExecutorKind, ScanConfig
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.open_source import schemes_of

HEADER_FIELDS = frozenset(
    {"selection", "roots", "buckets", "lists", "case", "exhibit", "examiner", "note", "include", "exclude"}
)
"""Options that have fields of their own in the header."""


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
    """
    now_ns = time.time_ns()
    system = platform.uname()
    settings = {name: value for name, value in msgspec.structs.asdict(config).items() if name not in HEADER_FIELDS}
    columns = tuple(f"{column}={field}" for column, field in config.columns.items())
    categories = tuple(f"{category}={name}" for category, name in config.category_names.items())
    distances = tuple(f"{name}={distance}" for name, distance in config.max_distances.items())
    settings |= {
        "workers": workers,
        "executor": config.executor or ExecutorKind.LOCAL,
        "scheduler": None if config.scheduler is None else mask_address(config.scheduler),
        **_bucket_settings(config),
        "algorithms": tuple(algorithms),
        "columns": columns,
        "category_names": categories,
        "only_categories": config.selection.categories,
        "min_score": None if config.selection.min_score is None else str(config.selection.min_score),
        "max_distances": distances,
        "shard": None if config.shard is None else str(config.shard),
        "cache_state": cache_state,
    }
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    return RunHeader(
        v=FORMAT_VERSION,
        run_id=new_run_id(now_ns),
        start=timestamps.to_text(now_ns),
        tool=Tool(name="hashaudit", version=__version__),
        versions=installed_versions.deciding(),
        argv=mask_arguments(argv),
        config={name: convert.of_setting(value) for name, value in settings.items()},
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
        key_fingerprint=key_fingerprint,
        sandbox=tuple(sandbox),
    )


def _bucket_settings(config: ScanConfig) -> dict[str, object]:
    if not schemes_of(config.roots, config.buckets) and config.buckets.reconcile is None:
        return {}
    store = config.buckets.store
    return {
        "endpoint_url": None if store.endpoint_url is None else mask_address(store.endpoint_url),
        "request_payer": store.request_payer,
        "path_style": store.path_style,
        "all_versions": config.buckets.all_versions,
        "inventory": _masked_url(config.buckets.inventory),
        "reconcile": _masked_url(config.buckets.reconcile),
        "read_unlisted": config.buckets.read_unlisted,
    }


def _masked_url(url: bytes | None) -> str | None:
    return None if url is None else mask_secrets(paths.to_text(url)[0])


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
