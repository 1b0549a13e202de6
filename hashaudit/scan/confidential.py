"""The files that hold the secrets of a scan: its key, the trust store, its lists and passwords.

Workers cannot read them, wherever the roots are, and the walk skips them as files of the scan.
"""

import contextlib
import os
import time
from collections.abc import Iterator

import msgspec

from hashaudit.errors import SigningKeyError, UsageError
from hashaudit.lists.load import LoadedLists
from hashaudit.model.paths import for_terminal
from hashaudit.objectstores.url import parse_root
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.key_policy import Signing, default_allowed_signers_path, possible_keys

CREATION_CHECKS = 5
CREATION_PAUSE_S = 0.05
"""Another scan that creates the user's key links it to its name and then removes the temporary one."""


class Confidential(msgspec.Struct, frozen=True):
    """Files that only the parent may read."""

    paths: tuple[bytes, ...] = ()
    """Absolute, with links resolved."""
    identities: frozenset[tuple[int, int]] = frozenset()
    """Device and inode of each."""


def confidential_files(config: ScanConfig, lists: LoadedLists, signing: Signing | None) -> Confidential:
    """Returns the key, the trust store, the lists and the passwords of a scan; without a key, the passwords alone."""
    found: dict[bytes, tuple[int, int]] = {}
    of_signed = () if signing is None else (*possible_keys(signing), *_trust_stores(), *_list_files(config, lists))
    for path in (*of_signed, *_passwords(config)):
        real = os.path.realpath(os.fsencode(path))
        with contextlib.suppress(OSError):
            status = os.stat(real)
            found[real] = (status.st_dev, status.st_ino)
    return Confidential(tuple(found), frozenset(found.values()))


def require_one_name(config: ScanConfig, signing: Signing) -> None:
    """Checks that no key has several names: any of them may be below a root, now or by a bind mount.

    Raises:
        UsageError: a key has several.
    """
    if all(parse_root(root) is not None for root in config.roots) and not config.follow_links:
        return
    for path in possible_keys(signing):
        names = _names(path)
        if names > 1:
            raise UsageError(
                f"cannot keep the signing key from workers: '{for_terminal(os.fsencode(path))}'; the file has"
                f" {names} names",
                hint="remove the others (find DIRECTORY -samefile KEY), or copy the key to a file of its own",
            )


def _names(path: str) -> int:
    """Returns the number of names of a file; 0 if it cannot be examined. Waits for a key that is just being created."""
    names = 0
    for _ in range(CREATION_CHECKS):
        try:
            names = os.stat(path).st_nlink
        except OSError:
            return 0
        if names <= 1:
            break
        time.sleep(CREATION_PAUSE_S)
    return names


def _trust_stores() -> Iterator[str]:
    with contextlib.suppress(SigningKeyError):
        yield default_allowed_signers_path()


def _passwords(config: ScanConfig) -> Iterator[str]:
    if config.passwords is not None:
        yield config.passwords


def _list_files(config: ScanConfig, lists: LoadedLists) -> Iterator[str | bytes]:
    for spec in config.lists:
        if os.path.isdir(spec.path):
            with contextlib.suppress(OSError), os.scandir(spec.path) as pages:
                yield from (page.path for page in pages)
        else:
            yield spec.path
    for image in lists.images:
        if image.path is not None:
            yield image.path
