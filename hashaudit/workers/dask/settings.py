"""What a run wants of a Dask cluster, and what the threads of one process tell each other about it."""

import msgspec

from hashaudit.errors import HashauditError
from hashaudit.workers.dask.protocol import RootDirectory
from hashaudit.workers.local.watchdog import Deadlines


class ClusterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster, and how it is used."""

    scheduler: str
    """Its address: ``tcp://host:8786``, ``tls://host:8786``."""
    processes: int | None
    """That examine in each Dask worker; ``None``: as many as it has threads."""
    deadlines: Deadlines
    max_rate_bytes_per_s: int | None
    """Of all workers together."""
    low_impact: bool
    wait_s: float
    """How long may be waited for the scheduler and for workers while there is none."""
    root_directories: tuple[RootDirectory, ...]
    """What workers must see as the walk does."""


class Notice(msgspec.Struct, frozen=True):
    """Something that people should know; one line."""

    text: str


class Ready(msgspec.Struct, frozen=True):
    """Units can be examined."""

    sandbox: tuple[str, ...]


class Failure(msgspec.Struct, frozen=True):
    """The cluster cannot be used, or not any longer."""

    error: HashauditError
