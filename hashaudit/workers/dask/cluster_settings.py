"""The settings of a Dask cluster, and the messages from the coordinator's thread to the scan."""

import msgspec

from hashaudit.errors import HashauditError
from hashaudit.workers.dask.protocol import RootDirectory
from hashaudit.workers.local.watchdog import Deadlines


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster, and how to use it."""

    scheduler: str
    """Address, as ``tcp://host:8786`` or ``tls://host:8786``."""
    processes: int | None
    """Processes in each Dask worker; ``None``: as many as it has threads."""
    deadlines: Deadlines
    max_rate_bytes_per_s: int | None
    """Common read rate of all workers."""
    low_impact: bool
    wait_s: float
    """Longest wait for the scheduler or for workers, seconds."""
    root_directories: tuple[RootDirectory, ...]
    """Directories that workers must see as the walk does."""


class Notice(msgspec.Struct, frozen=True):
    """A line for the user."""

    text: str


class Ready(msgspec.Struct, frozen=True):
    """Batches can be examined."""

    sandbox: tuple[str, ...]


class Failure(msgspec.Struct, frozen=True):
    """The cluster cannot be used, or no longer."""

    error: HashauditError
