"""The cage of a process that touches hostile content: layers that hold independently of each other.

Each is in force or is not named. None of them can be taken back (docs/adr/0007-landlock-and-seccomp-in-workers.md).
"""

import msgspec

from hashaudit.errors import HostError
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace, can_limit
from hashaudit.host.sandbox import capabilities, landlock, seccomp

PARENT_DEATH_SIGNAL = "parent_death_signal"
NO_NEW_PRIVILEGES = "no_new_privileges"
NO_CORE_DUMPS = "no_core_dumps"
NO_FILE_GROWTH = "no_file_growth"
FEW_CAPABILITIES = "few_capabilities"
ADDRESS_SPACE_LIMIT = "address_space_limit"
LANDLOCK = "landlock"
"""Named with its version: ``landlock_abi_6``."""
SECCOMP = "seccomp"

LAYERS = (
    PARENT_DEATH_SIGNAL,
    NO_NEW_PRIVILEGES,
    NO_CORE_DUMPS,
    NO_FILE_GROWTH,
    ADDRESS_SPACE_LIMIT,
    FEW_CAPABILITIES,
    LANDLOCK,
    SECCOMP,
)
"""What a whole cage has."""


DEFAULT_MEMORY_BYTES = 4 << 30
"""More than any decode within ``hashaudit.content.images.limits`` takes, colour hashes included."""


class Sandbox(msgspec.Struct, frozen=True, array_like=True):
    """What a process may still do inside."""

    readable: tuple[bytes, ...]
    """Absolute paths of the folders and files that it may read. What is not there is passed over."""
    memory_bytes: int
    """Address space that it may take beyond what it holds when it enters."""
    network: bool = False
    """It may make connections, to read from a server itself."""

    def apply(self, space: AddressSpace) -> tuple[str, ...]:
        """Restricts this process and returns the names of the layers that this put in force.

        Load and open by path everything first, and give up new privileges.

        Args:
            space: measures and limits the address space of this process.
        """
        # Two layers apply to a single thread: another thread, started by a library, would stay unrestricted.
        alone = process.has_one_thread()
        layers = {
            NO_FILE_GROWTH: process.set_limit("RLIMIT_FSIZE", 0),
            ADDRESS_SPACE_LIMIT: space.limit(self.memory_bytes),
            FEW_CAPABILITIES: alone and capabilities.give_up(),
        }
        version = landlock.restrict(self.readable, network=self.network) if alone else 0
        layers[f"{LANDLOCK}_abi_{version}"] = version > 0
        # Last, because it refuses the system calls that set up the others.
        layers[f"{SECCOMP}_with_network" if self.network else SECCOMP] = seccomp.confine(network=self.network)
        return tuple(name for name, in_force in layers.items() if in_force)


def available() -> tuple[str, ...]:
    """The layers that a process on this machine would get, named as in the header of a run. Applies nothing."""
    version = landlock.abi()
    has_prctl, has_limits = process.has_prctl(), process.HAS_RESOURCE_LIMITS
    layers = {
        PARENT_DEATH_SIGNAL: has_prctl,
        NO_NEW_PRIVILEGES: has_prctl,
        NO_CORE_DUMPS: has_limits,
        NO_FILE_GROWTH: has_limits,
        ADDRESS_SPACE_LIMIT: can_limit(),
        FEW_CAPABILITIES: capabilities.available(),
        f"{LANDLOCK}_abi_{version}": version > 0,
        SECCOMP: seccomp.available(),
    }
    return tuple(name for name, has in layers.items() if has)


def missing(layers: tuple[str, ...]) -> tuple[str, ...]:
    """What a whole cage has and these layers lack."""
    return tuple(wanted for wanted in LAYERS if not any(name.startswith(wanted) for name in layers))


def require(layers: tuple[str, ...]) -> None:
    """Insists on a whole cage.

    Raises:
        HostError: a layer is missing.
    """
    lacking = missing(layers)
    if lacking:
        raise HostError(
            f"--require-sandbox: this system does not put in force: {', '.join(lacking)};"
            " landlock needs Linux 5.13 with landlock among its active security modules, and both it and seccomp"
            " a container that does not forbid them"
        )
