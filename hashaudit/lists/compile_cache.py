"""Compiled forms of large text lists, kept in the user's cache folder under their content's digest.

Source of the folder: XDG Base Directory Specification 0.8.
"""

import contextlib
import os
import stat
import time

import blake3
import msgspec

from hashaudit import __version__
from hashaudit.errors import ListError
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.index.verify_index import verify_checksums
from hashaudit.lists.ingest import ParseSpec, Progress, take_list
from hashaudit.lists.list_folder import ListSource

_SUFFIX = ".hai"
_KEY_BYTES = 8

_KEEP_S = 90 * 24 * 3600
"""A list that no scan has used for so long has most likely been replaced by a newer one."""

_REVISION = 2
"""To be raised when a parser gives other entries for the same content within one version of the program."""


def user_cache_folder() -> str | None:
    """The folder for compiled lists, made if need be; ``None`` if there is none that is this user's alone."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        # The specification has relative paths ignored.
        base = os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "hashaudit", "lists")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        os.chmod(folder, 0o700)
        status = os.stat(folder)
    except OSError:
        return None
    private = status.st_uid == os.geteuid() and os.access(folder, os.W_OK)
    return folder if os.path.isabs(folder) and private else None


def compiled(file: ListSource, recipe: ParseSpec, folder: str, progress: Progress | None = None) -> str:
    """The path of a list's index, from ``folder`` if it is there and whole, else made and left there.

    Raises:
        ListError: the list cannot be used, or the index not be written.
    """
    sha256 = file.sha256()
    path = os.path.join(folder, f"{sha256}-{_key(file, recipe)}{_SUFFIX}")
    if not _is_kept(path, sha256):
        with new_file(path) as target, IndexBuilder(folder) as builder:
            take_list(builder, file, recipe, progress)
            (info,) = builder.write(target)
            if info.sha256 != sha256:
                raise ListError(f"{file.path}: changed while it was read; start again when it is whole")
        _forget_unused(folder)
    return path


def _key(file: ListSource, recipe: ParseSpec) -> str:
    """Stands for all that decides, besides the content, what the index holds."""
    spec = recipe.spec
    parts = (
        _REVISION,
        index_layout.VERSION,
        __version__,
        # A file may hold the very lines whose digest is a folder's.
        file.kind,
        spec.role,
        spec.algorithm,
        spec.imagehash_pre4,
        sorted(recipe.columns.items()),
        recipe.selection,
    )
    return blake3.blake3(msgspec.msgpack.encode(parts)).hexdigest(_KEY_BYTES)


def _is_kept(path: str, sha256: str) -> bool:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return False
        index = ListIndex.open(path)
        verify_checksums(index)
        os.utime(path)
    except (ListError, OSError):
        # Made anew: it costs time, and an index that is damaged costs findings.
        return False
    return [info.sha256 for info in index.infos] == [sha256]


def _forget_unused(folder: str) -> None:
    oldest = time.time() - _KEEP_S
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)
