"""The signing key and the lists: whether a scan could use them. Of a list only counts are told, never an entry."""

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
    """The key has a passphrase, which is not asked for here."""


def key(path: str, *, made_at_first_use: bool) -> Iterator[Check]:
    """The signing key.

    Args:
        path: of its file.
        made_at_first_use: it is the user's own, which a scan makes where there is none.
    """
    subject = os.fsencode(path)
    if made_at_first_use and not os.path.lexists(path):
        yield Check("key.use", State.OK, "there is none yet: the first scan makes it", None, subject)
        return
    try:
        fingerprint = load_key(path, _encrypted).fingerprint
    except _EncryptedError:
        found = "only its owner can read it; it has a passphrase, so that its kind was not looked at"
        yield Check("key.use", State.OK, found, None, subject)
    except SigningKeyError as error:
        advice = "mend that, name another with --key, or make one with hashaudit keys new"
        yield Check("key.use", State.PROBLEM, str(error), advice, subject)
        return
    else:
        found = f"Ed25519, {fingerprint}, without a passphrase; only its owner can read it"
        yield Check("key.use", State.OK, found, None, subject)
    folder = os.path.dirname(os.path.realpath(path))
    status = os.stat(folder)
    if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
        found = f"others can write to its folder {folder} and put another key in its place"
        yield Check("key.folder", State.WARNING, found, f"chmod go-w {folder}", subject)


def _encrypted() -> bytes:
    raise _EncryptedError


def hash_list(spec: ListSpec) -> Iterator[Check]:
    """One list, read from its beginning to its end as a scan does."""
    subject = os.fsencode(spec.path)
    try:
        with load_lists([spec]) as lists:
            infos = lists.infos
    except ListError as error:
        advice = "mend the list, or state what it holds: --list ALGO=FILE"
        yield Check("list.use", State.PROBLEM, str(error), advice, subject)
        return
    for info in infos:
        yield Check("list.use", State.OK, _described(info), None, subject)
        for warning in info.warnings:
            yield Check("list.warning", State.WARNING, warning, "see to it, unless it is meant so", subject)


def _described(info: ListInfo) -> str:
    rejected = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in info.rejected.items())
    left_out = f"; not kept: {rejected}" if rejected else ""
    return f"{info.role}, {info.format}, {', '.join(info.algorithms)}: {info.kept:,} of {info.read:,} kept{left_out}"
