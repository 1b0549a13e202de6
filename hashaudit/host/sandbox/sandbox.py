"""The sandbox of a process that reads hostile content: layers that work independently of each other.

Only active layers are reported. None of them can be removed (docs/adr/0007-landlock-and-seccomp-in-workers.md).
"""

import msgspec

from hashaudit.errors import HostError
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace, can_limit
from hashaudit.host.sandbox import capabilities, landlock, seccomp
from hashaudit.host.sandbox.access import Access

PARENT_DEATH_SIGNAL = "parent_death_signal"
NO_NEW_PRIVILEGES = "no_new_privileges"
NO_CORE_DUMPS = "no_core_dumps"
NO_FILE_GROWTH = "no_file_growth"
FEW_CAPABILITIES = "few_capabilities"
ADDRESS_SPACE_LIMIT = "address_space_limit"
LANDLOCK = "landlock"
"""Prefix of the layer's name, which ends in the version: ``landlock_abi_6``."""
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
"""All layers of a complete sandbox."""


DEFAULT_MEMORY_BYTES = 4 << 30
"""More than any decode within ``hashaudit.content.images.limits`` takes, even with colour hashes."""


class Sandbox(msgspec.Struct, frozen=True, array_like=True):
    """The permissions that a process keeps in its sandbox."""

    readable: tuple[bytes, ...]
    """Absolute paths of the directories and files that the process may read. Missing ones are skipped."""
    memory_bytes: int
    """Address space that the process may add to its use at the time of :meth:`apply`."""
    network: bool = False
    """The process may open connections, to read from a server itself."""
    hidden: tuple[bytes, ...] = ()
    """Absolute paths, without links, of files below ``readable`` that the process may not read."""
    scratch: tuple[bytes, ...] = ()
    """Directories in which the process may create, write and remove files. Without any, it may not write at all."""

    def access(self) -> Access:
        """Returns what the process may read, as the directories are now.

        Raises:
            HostError: the hidden files have too many other files beside them.
        """
        return Access(self.readable, self.hidden)

    def apply(self, space: AddressSpace, access: Access | None = None) -> tuple[str, ...]:
        """Restricts this process. Returns the names of the layers that this activated.

        Load all code and open all files outside ``readable`` before. Forbid new privileges before.

        Args:
            space: measures and limits the address space of this process.
            access: from :meth:`access`, if the caller needs it.

        Raises:
            HostError: as :meth:`access`.
        """
        access = access or self.access()
        # Landlock and capabilities apply to one thread: a thread that a library has started would stay unrestricted.
        has_one_thread = process.has_one_thread()
        layers = {
            NO_FILE_GROWTH: not self.scratch and process.set_limit("RLIMIT_FSIZE", 0),
            ADDRESS_SPACE_LIMIT: space.limit(self.memory_bytes),
            FEW_CAPABILITIES: has_one_thread and capabilities.drop(),
        }
        version = 0
        if has_one_thread:
            version = landlock.restrict(access.whole, network=self.network, names=access.beside, writable=self.scratch)
        layers[f"{LANDLOCK}_abi_{version}"] = version > 0
        # Last, because the filter refuses the calls that set up the other layers.
        layers[f"{SECCOMP}_with_network" if self.network else SECCOMP] = seccomp.apply_filter(
            network=self.network, files=bool(self.scratch)
        )
        return tuple(name for name, is_active in layers.items() if is_active)


def available() -> tuple[str, ...]:
    """Returns the layers that a process on this machine would get, named as in a scan's header. Applies nothing."""
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
    """Returns the layers of a complete sandbox that are not among ``layers``."""
    return tuple(wanted for wanted in LAYERS if not any(name.startswith(wanted) for name in layers))


def require(layers: tuple[str, ...], but: str | None = None) -> None:
    """Checks that a sandbox is complete.

    Args:
        layers: those in force.
        but: a layer that may be missing.

    Raises:
        HostError: a layer is missing.
    """
    absent = tuple(name for name in missing(layers) if name != but)
    if absent:
        raise HostError(
            f"the sandbox is incomplete: '{', '.join(absent)}'; not available on this system",
            hint="landlock needs Linux 5.13 or newer with landlock among its active security modules;"
            " a container must permit landlock and seccomp",
        )
