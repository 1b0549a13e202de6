"""Opens the object store of a scheme."""

import importlib
from typing import cast

from hashaudit.errors import HostError
from hashaudit.objectstores.interface import Store, StoreOptions

_MEMBERS = {"s3": ("hashaudit.objectstores.s3", "S3Store"), "az": ("hashaudit.objectstores.azure", "AzureStore")}
_EXTRAS = {"s3": "s3", "az": "azure"}


def open_store(scheme: str, options: StoreOptions) -> Store:
    """The store that URLs of a scheme are about.

    Raises:
        HostError: its library is not installed, or it cannot be used as configured.
    """
    module, name = _MEMBERS[scheme]
    try:
        member = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS[scheme]
        raise HostError(f"{scheme}:// needs more packages: pip install 'hashaudit[{extra}]' ({error.name})") from error
    return cast("Store", member(options))


class Stores:
    """The stores that a process uses, each opened when it is first asked for. May be used by several threads."""

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._open: dict[str, Store] = {}

    def of(self, scheme: str) -> Store:
        """The store of a scheme.

        Raises:
            HostError: as :func:`open_store`.
        """
        store = self._open.get(scheme)
        if store is None:
            store = self._open[scheme] = open_store(scheme, self._options)
        return store
