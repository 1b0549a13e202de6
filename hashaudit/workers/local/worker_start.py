"""Starts the processes of a scan through one server, which has loaded what they need."""

from hashaudit.host.fork_server import ForkServer, is_available
from hashaudit.workers.child.preload import ENCODER, Needs
from hashaudit.workers.protocol import InsideConfig, WorkerConfig

LOAD = "hashaudit.workers.child.preload:load"


def start_server(*, copies: bool, low_impact: bool = False, images: bool = False) -> ForkServer | None:
    """Starts a server; ``None`` where there can be none, and each process is then a fresh interpreter.

    Args:
        copies: start it as a copy of this process, which must hold nothing secret and have one thread.
        low_impact: lower the priority of all processes that it starts.
        images: workers will decode images.
    """
    if not is_available():
        return None
    try:
        server = ForkServer(copies=copies)
    except OSError:
        return None
    server.load(LOAD, ENCODER.encode(Needs(low_impact, images)))
    return server


def load_readers_for(server: ForkServer, config: InsideConfig) -> None:
    """Makes a server load the readers of containers, for the workers that it starts from now on."""
    server.load(LOAD, ENCODER.encode(Needs(readers=config.kinds)))


def load_for(server: ForkServer, config: WorkerConfig, *, low_impact: bool) -> None:
    """Makes a server load what workers with this configuration need."""
    needs = Needs(low_impact, images=config.perceptual is not None, schemes=config.schemes)
    server.load(LOAD, ENCODER.encode(needs))
