"""Checks of the signing key and the hash lists. They report counts of a list, and never an entry."""

import os
import stat
from collections.abc import Iterator

from hashaudit.doctor.check import Check, State
from hashaudit.errors import ListError, SigningKeyError
from hashaudit.lists.interface import ListInfo, ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.signing.key_files import load_key

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _EncryptedError(Exception):
    """The key has a passphrase, and this check does not ask for it."""


def key(path: str, *, made_at_first_use: bool) -> Iterator[Check]:
    """Checks the signing key.

    Args:
        path: the key file.
        made_at_first_use: the key is the user's own, and a scan creates it if it is missing.
    """
    subject = os.fsencode(path)
    if made_at_first_use and not os.path.lexists(path):
        yield Check("key.use", State.OK, "no key yet; the first scan creates it", None, subject)
        return
    try:
        fingerprint = load_key(path, _encrypted).fingerprint
    except _EncryptedError:
        found = "only its owner can read it; it has a passphrase, so its type was not checked"
        yield Check("key.use", State.OK, found, None, subject)
    except SigningKeyError as error:
        advice = error.hint or "choose another key with --key, or create one with hashaudit keys new"
        yield Check("key.use", State.PROBLEM, str(error), advice, subject)
        return
    else:
        found = f"Ed25519, {fingerprint}, without a passphrase; only its owner can read it"
        yield Check("key.use", State.OK, found, None, subject)
    folder = os.path.dirname(os.path.realpath(path))
    status = os.stat(folder)
    if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
        found = f"others can write to its directory {folder} and replace the key"
        yield Check("key.folder", State.WARNING, found, f"chmod go-w {folder}", subject)


def _encrypted() -> bytes:
    raise _EncryptedError


def hash_list(spec: ListSpec) -> Iterator[Check]:
    """Checks one list by reading it completely, as a scan does."""
    subject = os.fsencode(spec.path)
    try:
        with load_lists([spec]) as lists:
            infos = lists.infos
    except ListError as error:
        advice = error.hint or "fix the list, or name its algorithm: --list ALGO=FILE"
        yield Check("list.use", State.PROBLEM, str(error), advice, subject)
        return
    for info in infos:
        yield Check("list.use", State.OK, _described(info), None, subject)
        for warning in info.warnings:
            yield Check("list.warning", State.WARNING, warning, "fix this unless it is intended", subject)


def _described(info: ListInfo) -> str:
    rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
    skipped = f"; skipped: {rejected}" if rejected else ""
    return f"{info.role}, {info.format}, {', '.join(info.algorithms)}: {info.kept:,} of {info.read:,} kept{skipped}"
