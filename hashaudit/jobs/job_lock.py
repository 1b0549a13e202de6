"""The lock of a job: one run at a time. The system frees it when the process ends, even if it crashes."""

import os
import time
from types import TracebackType
from typing import Self

from hashaudit.errors import OutputError
from hashaudit.host.files import LockState, lock_file
from hashaudit.jobs.job import Job
from hashaudit.model.paths import for_terminal

_POLL_S = 0.5
_MAX_OWNER_BYTES = 200


class JobLock:
    """A context manager that holds the lock of a job.

    Args:
        job: the job. The lock is a hidden file beside its outputs.
        wait_s: seconds to wait for another run.
    """

    def __init__(self, job: Job, wait_s: float) -> None:
        self._name = job.name
        self.path = os.path.join(job.output_pattern()[0], f".{job.name}.lock")
        self._wait_s = wait_s
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Takes the lock.

        Raises:
            OutputError: another run has it, or the file cannot be created.
        """
        shown = for_terminal(os.fsencode(self.path))
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise OutputError(f"cannot lock job '{self._name}': '{shown}'; {error.strerror}") from error
        end_s = time.monotonic() + self._wait_s
        while (state := lock_file(self._descriptor)) is LockState.HELD and time.monotonic() < end_s:
            time.sleep(_POLL_S)
        if state is not LockState.TAKEN:
            owner = os.pread(self._descriptor, _MAX_OWNER_BYTES, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            cause = f"it runs already, as {owner}" if state is LockState.HELD else "this filesystem has no locks"
            raise OutputError(f"cannot start job '{self._name}'; {cause}", hint="wait for its end with --wait SECONDS")
        os.truncate(self._descriptor, 0)
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        os.pwrite(self._descriptor, f"process {os.getpid()} since {started}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
