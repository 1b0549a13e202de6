"""The answer to SIGUSR1: the state of the scan in lines on standard error, also with --quiet."""

import datetime as dt

from hashaudit.model.counted import counted
from hashaudit.scan.events import StatusReport, WorkerReport
from hashaudit_cli.ui.progress import described
from hashaudit_cli.ui.terminal import bytes_shown, log, quote


def log_status(report: StatusReport) -> None:
    """One line about the run, then one about each worker that is on a file."""
    done = report.progress.bytes_done
    log(
        f"{dt.timedelta(seconds=int(report.elapsed_s))}: {described(report.progress)}, {bytes_shown(done)} read, "
        f"{_rate(done, report.elapsed_s)}; {len(report.busy)} of {counted(report.workers, 'worker')} busy, "
        f"{counted(report.units_queued, 'unit')} of work queued"
    )
    for worker in report.busy:
        log(_described(worker))


def _described(worker: WorkerReport) -> str:
    share = f" ({min(100, 100 * worker.offset // worker.size)} %)" if worker.size else ""
    name = f"{worker.pid} of {worker.host}" if worker.host else f"{worker.pid}"
    return (
        f"worker {name}: {bytes_shown(worker.offset)} of {bytes_shown(worker.size)}{share}, "
        f"{_rate(worker.offset, worker.elapsed_s)}, {worker.elapsed_s:.1f} s: {quote(worker.path)}"
    )


def _rate(count_bytes: int, elapsed_s: float) -> str:
    return f"{bytes_shown(count_bytes / elapsed_s if elapsed_s > 0 else 0)}/s"
