"""Chooses the executor of a scan: worker processes of this machine, or a Dask cluster."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from hashaudit.errors import HostError
from hashaudit.host.fork_server import ForkServer
from hashaudit.scan.config import ExecutorKind, ScanConfig
from hashaudit.scan.dispatcher import TaskContext
from hashaudit.scan.plan import deadlines, worker_count
from hashaudit.sources.interface import RootDescription
from hashaudit.workers.executor import Executor
from hashaudit.workers.local.pool import Pool
from hashaudit.workers.local.worker_process import WorkerProcess
from hashaudit.workers.local.worker_start import load_for, load_readers_for

ScanExecutor = Executor[TaskContext]


def executor_for(
    config: ScanConfig,
    roots: Sequence[RootDescription],
    report: Callable[[str], None],
    server: ForkServer | None = None,
) -> AbstractContextManager[ScanExecutor]:
    """Returns the executor that the configuration names, not yet started.

    Args:
        config: the options.
        roots: the roots as the source describes them.
        report: receives sentences for people about a cluster's workers.
        server: starts local workers; ``None``: each of them is a fresh interpreter.

    Raises:
        HostError: this machine cannot run it.
    """
    if config.executor is ExecutorKind.DASK and config.scheduler is not None:
        return _dask_executor(config, config.scheduler, roots, report)
    return Pool[TaskContext](
        workers=worker_count(config, roots),
        deadlines=deadlines(config),
        max_rate_bytes_per_s=config.max_rate_bytes_per_s,
        spawn=partial(WorkerProcess, server=server),
        prepare=None if server is None else partial(load_for, server, low_impact=config.low_impact),
        load_readers=None if server is None else partial(load_readers_for, server),
    )


def _dask_executor(
    config: ScanConfig, scheduler: str, roots: Sequence[RootDescription], report: Callable[[str], None]
) -> AbstractContextManager[ScanExecutor]:
    try:
        import dask  # noqa: PLC0415 # an extra, and slow to import

        # Silence Dask's own log: the executor reports the same events, in order and for our tasks only.
        dask.config.set({"logging": {"distributed": "critical"}})
        from hashaudit.workers.dask.cluster_settings import ClusterSettings  # noqa: PLC0415 # as above
        from hashaudit.workers.dask.dask_executor import DaskExecutor  # noqa: PLC0415 # as above
        from hashaudit.workers.dask.mount_check import root_directories  # noqa: PLC0415 # as above
    except ImportError as error:
        raise HostError(
            f"cannot use a Dask cluster; {error}", hint="install the extra dask: pip install 'hashaudit[dask]'"
        ) from error
    settings = ClusterSettings(
        scheduler=scheduler,
        processes=config.workers,
        deadlines=deadlines(config),
        max_rate_bytes_per_s=config.max_rate_bytes_per_s,
        low_impact=config.low_impact,
        wait_s=config.wait_for_workers_s,
        root_directories=root_directories(root.path for root in roots if not root.is_bucket),
    )
    return DaskExecutor[TaskContext](settings, report)
