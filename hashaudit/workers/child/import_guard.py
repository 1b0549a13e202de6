"""Refuses imports in a sandboxed worker: what is imported there depends on the installation, and fails by chance."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hashaudit.model.faults import Fault, FaultCode, Stage

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class ImportGuard:
    """A finder that stands before all others and refuses what they would find.

    A library may catch the :class:`ImportError` and go another way in silence, so each refusal is also kept until
    :meth:`faults` reports it. A module that no other finder knows is left to fail as it does everywhere.
    """

    def __init__(self) -> None:
        self._others = tuple(sys.meta_path)
        self._refused: list[str] = []

    def install(self) -> None:
        """Refuses every import from here on. Modules that are loaded already stay usable."""
        self._others = tuple(sys.meta_path)
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Raises where another finder would find the module; returns ``None`` otherwise.

        Raises:
            ImportError: the module exists.
        """
        if any(finder.find_spec(fullname, path, target) is not None for finder in self._others):
            self._refused.append(fullname)
            raise ImportError(f"imported inside the sandbox: '{fullname}'", name=fullname)
        return None

    @property
    def has_refused(self) -> bool:
        """True if :meth:`faults` would return some."""
        return bool(self._refused)

    def faults(self) -> tuple[Fault, ...]:
        """Returns an internal error for each module refused since the last call, and forgets them."""
        if not self._refused:
            return ()
        names = sorted({*self._refused})
        self._refused.clear()
        return tuple(
            Fault(
                Stage.DECODE,
                FaultCode.INTERNAL_ERROR,
                f"internal error: the module '{name}' is imported inside the sandbox; please report it",
            )
            for name in names
        )
