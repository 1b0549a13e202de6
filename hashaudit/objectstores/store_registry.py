"""Opens the object store of a scheme."""

import contextlib
import importlib
from typing import cast

from hashaudit.errors import HostError
from hashaudit.objectstores.interface import Store, StoreOptions

_MEMBERS = {"s3": ("hashaudit.objectstores.s3", "S3Store"), "az": ("hashaudit.objectstores.azure", "AzureStore")}
_EXTRAS = {"s3": "s3", "az": "azure"}


def open_store(scheme: str, options: StoreOptions) -> Store:
    """Opens the store of a URL scheme.

    Raises:
        HostError: its library is not installed, or its configuration is unusable.
    """
    module, name = _MEMBERS[scheme]
    try:
        member = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS[scheme]
        raise HostError(
            f"cannot use {scheme}://; package '{error.name}' is not installed",
            hint=f"pip install 'hashaudit[{extra}]'",
        ) from error
    return cast("Store", member(options))


def load_client(scheme: str) -> None:
    """Loads what the store of a URL scheme needs, so that copies of this process have it.

    A library that is not installed is reported where the store is opened.
    """
    with contextlib.suppress(ModuleNotFoundError):
        module = importlib.import_module(_MEMBERS[scheme][0])
        if hasattr(module, "warm_up"):
            module.warm_up()


class Stores:
    """The stores that a process uses, each opened at its first use. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._open: dict[str, Store] = {}

    def of(self, scheme: str) -> Store:
        """Returns the store of a scheme.

        Raises:
            HostError: as :func:`open_store`.
        """
        store = self._open.get(scheme)
        if store is None:
            store = self._open[scheme] = open_store(scheme, self._options)
        return store
