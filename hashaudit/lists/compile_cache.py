"""Cache of compiled large text lists, stored in the user's cache directory under the digest of their content.

Source of the location: XDG Base Directory Specification 0.8.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable
from typing import BinaryIO

import blake3
import msgspec

from hashaudit import __version__
from hashaudit.errors import ListError
from hashaudit.host.private_files import make_private_directories
from hashaudit.lists.compile_request import CompileRequest, ParseSpec
from hashaudit.lists.index import index_layout
from hashaudit.lists.index.index_checksums import verify_checksums
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.index_writer import new_file
from hashaudit.lists.interface import ListInfo
from hashaudit.lists.list_directory import ListSource
from hashaudit.lists.list_file import WORLD_READABLE, file_name
from hashaudit.model.paths import to_text

_SUFFIX = ".hai"
_KEY_BYTES = 8

_KEEP_S = 90 * 24 * 3600
"""Seconds after which an unused index is deleted: by then a newer list has most likely replaced it."""

_REVISION = 3
"""Increase it when a parser gives other entries for the same content within one version of the program."""


def user_cache_directory() -> str | None:
    """Returns the directory for compiled lists and creates it if missing; ``None`` if none is private to this user."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        # The specification requires that relative paths are ignored.
        base = os.path.join(os.path.expanduser("~"), ".cache")
    directory = os.path.join(base, "hashaudit", "lists")
    try:
        make_private_directories(directory)
        os.chmod(directory, 0o700)
        status = os.stat(directory)
    except OSError:
        return None
    private = status.st_uid == os.geteuid() and os.access(directory, os.W_OK)
    return directory if os.path.isabs(directory) and private else None


def compiled(
    file: ListSource,
    parse_spec: ParseSpec,
    directory: str,
    compile_into: Callable[[CompileRequest, BinaryIO], None],
) -> str:
    """Returns the path of a list's index.

    Uses the index in ``directory`` if it is intact, else compiles the list there.

    Raises:
        ListError: the list cannot be used, or the index cannot be written.
    """
    sha256 = file.sha256()
    path = os.path.join(directory, f"{sha256}-{_key(file, parse_spec)}{_SUFFIX}")
    if not _is_usable(path, sha256):
        with new_file(path) as target:
            request = CompileRequest((parse_spec.spec,), parse_spec.columns, parse_spec.selection, parse_spec.tolerance)
            compile_into(request, target)
            target.flush()
            if [info.sha256 for info in ListIndex.open(target.name).infos] != [sha256]:
                raise ListError(
                    f"list changed while it was read: '{file.path}'", hint="start again when the list is complete"
                )
        _delete_unused(directory)
    return path


def _key(file: ListSource, parse_spec: ParseSpec) -> str:
    """Returns a key for everything except the content that determines the index."""
    spec = parse_spec.spec
    parts = (
        _REVISION,
        index_layout.VERSION,
        __version__,
        # A file may hold the very lines whose digest is a directory's digest.
        file.kind,
        spec.role,
        spec.algorithm,
        spec.imagehash_pre4,
        sorted(parse_spec.columns.items()),
        parse_spec.selection,
        parse_spec.tolerance,
    )
    return blake3.blake3(msgspec.msgpack.encode(parts)).hexdigest(_KEY_BYTES)


def relocated(info: ListInfo, file: ListSource) -> ListInfo:
    """Returns the description of a list that was compiled earlier, with its present path, time and warnings."""
    path = to_text(os.fsencode(file.path))[0]
    named = info.name != file_name(info.path)
    warnings = file.warnings()
    return msgspec.structs.replace(
        info,
        name=info.name if named else file_name(path),
        path=path,
        mtime_ns=file.mtime_ns,
        warnings=(*warnings, *(warning for warning in info.warnings if warning not in {WORLD_READABLE, *warnings})),
    )


def _is_usable(path: str, sha256: str) -> bool:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return False
        index = ListIndex.open(path)
        verify_checksums(index)
        os.utime(path)
    except (ListError, OSError):
        # Compile again: that costs time, but a damaged index costs findings.
        return False
    return [info.sha256 for info in index.infos] == [sha256]


def _delete_unused(directory: str) -> None:
    oldest = time.time() - _KEEP_S
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.path)
