"""What examines: worker processes of this machine, or a Dask cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from hashaudit.errors import HostError
from hashaudit.scan.config import ExecutorKind, ScanConfig
from hashaudit.scan.dispatcher import TaskContext
from hashaudit.scan.plan import deadlines, worker_count
from hashaudit.sources.interface import RootDescription
from hashaudit.workers.executor import Executor
from hashaudit.workers.local.pool import Pool
from hashaudit_cli.ui.terminal import log


def executor_for(
    config: ScanConfig, roots: Sequence[RootDescription], *, quiet: bool
) -> AbstractContextManager[Executor[TaskContext]]:
    """Returns the executor that the user asks for, not yet started.

    Raises:
        HostError: this machine cannot run it.
    """
    if config.executor is ExecutorKind.DASK and config.scheduler is not None:
        return _on_dask(config, config.scheduler, roots, quiet=quiet)
    return Pool[TaskContext](
        workers=worker_count(config, roots),
        deadlines=deadlines(config),
        max_rate_bytes_per_s=config.max_rate_bytes_per_s,
    )


def _on_dask(
    config: ScanConfig, scheduler: str, roots: Sequence[RootDescription], *, quiet: bool
) -> AbstractContextManager[Executor[TaskContext]]:
    try:
        import dask  # noqa: PLC0415 # an extra, and slow to import

        # Silence what Dask itself logs: the executor reports it, in order and without other people's tasks.
        dask.config.set({"logging": {"distributed": "critical"}})
        from hashaudit.workers.dask.dask_executor import DaskExecutor  # noqa: PLC0415 # as above
        from hashaudit.workers.dask.mount_check import root_directories  # noqa: PLC0415 # as above
        from hashaudit.workers.dask.settings import ClusterSettings  # noqa: PLC0415 # as above
    except ImportError as error:
        raise HostError(f"--executor dask needs the extra dask (pip install 'hashaudit[dask]'): {error}") from error
    settings = ClusterSettings(
        scheduler=scheduler,
        processes=config.workers,
        deadlines=deadlines(config),
        max_rate_bytes_per_s=config.max_rate_bytes_per_s,
        low_impact=config.low_impact,
        wait_s=config.wait_for_workers_s,
        root_directories=root_directories(root.path for root in roots if not root.is_bucket),
    )

    def tell(text: str) -> None:
        if not quiet:
            log(text)

    return DaskExecutor[TaskContext](settings, tell)
