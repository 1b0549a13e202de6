"""The reader of rar archives, which unpacks with the library rars of the extra ``archives``.

The library gives a member as a whole, so a member has a limit on its size. Members of solid archives are unpacked
several at once, because each of them needs those before it.
"""

from collections.abc import Iterator, Sequence

import msgspec
import rars

from hashaudit.content.containers.appended_archives import appended_start
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.member_source import FileSource, failing
from hashaudit.content.containers.rar_blocks import END, FILE, MAIN, MARK_4, MARK_5, Block, blocks, is_solid
from hashaudit.content.containers.rar_volumes import joined_archives, members_of, name_of
from hashaudit.content.containers.volume_set import VolumeSet, missing_rar, missing_volume_text
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
DAMAGED_HEADER = "a header of the archive is damaged; members may be missing"
DAMAGED_MEMBER = "the content of the member is damaged"
ENCRYPTED = "the member is encrypted"
NO_PASSWORD = "the member is encrypted; no password fits"  # noqa: S105 # a message
DIRECTORY_ENCRYPTED = "the central directory is encrypted"
UNSUPPORTED = "this form of the archive is not supported"
ENDS_EARLY = "the archive ends early"
TRAILING = "other data follows the end of the archive"
OTHER_VOLUME = "the member begins in another volume of a split archive"
NEXT_VOLUME = "the archive continues in another volume"

MAX_MEMBER_BYTES = 256 << 20
"""Longest member, and most bytes of an archive that is held in memory."""
TOO_LONG = f"unpacking needs more than {MAX_MEMBER_BYTES} bytes of memory"

BATCH_BYTES = 64 << 20
"""Content of a solid archive that is unpacked at once."""

_OPTIONS = rars.ReadOptions(
    max_member_output_bytes=MAX_MEMBER_BYTES,
    rar50_dictionary_size_limit=MAX_MEMBER_BYTES,
    max_reader_workspace_bytes=2 * MAX_MEMBER_BYTES,
    max_header_bytes=1 << 28,
)


def read_rar(source: RandomSource, passwords: Sequence[bytes] = ()) -> Iterator[Found]:
    """Reads a rar archive, also one behind a program.

    Args:
        source: the archive.
        passwords: tried in this order on what is encrypted.
    """
    words = [password.decode("utf-8", "replace") for password in passwords]
    if isinstance(source, VolumeSet):
        if len(source.volumes) > 1:
            yield from _read_volumes(source, words)
            return
        source = source.volumes[0]
    start = 0
    if not source.read_at(0, 7).startswith((MARK_4, MARK_5[:7], b"RE~^")):
        found = appended_start(source.read_at, source.size, ContainerKind.RAR)
        if found is None:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        start = found
    good: list[Block] = []
    if source.read_at(start, 4) != b"RE~^":
        good = list(blocks(source, start))
        yield from _structure(source, good, is_new=source.read_at(start, 8) == MARK_5)
    archive, troubles = _opened(source, start, good, words)
    yield from troubles
    if archive is not None:
        yield from _members(archive, words)


def _read_volumes(source: VolumeSet, passwords: Sequence[str]) -> Iterator[Found]:
    """Reads a set of volumes. Their headers are not encrypted."""
    volumes: list[tuple[RandomSource, list[Block]]] = []
    for volume in source.volumes:
        start = 0
        if not volume.read_at(0, 7).startswith(MARK_4[:6]):
            start = appended_start(volume.read_at, volume.size, ContainerKind.RAR) or 0
        found = list(blocks(volume, start))
        is_new = volume.read_at(start, 8) == MARK_5
        yield from _structure(volume, found, is_new=is_new, is_of_set=volume is not source.volumes[-1])
        volumes.append((volume, found))
    last = volumes[-1][1]
    if source.missing is not None and (source.has_gap or (last and last[-1].has_next)):
        yield Trouble(FaultCode.INCOMPLETE, missing_volume_text(source.missing))
    whole, broken = members_of(volumes, source.behind_gaps)
    solid = any(is_solid(block) for block in volumes[0][1])
    number = 0
    for data in joined_archives(whole, solid=solid, most_bytes=MAX_MEMBER_BYTES):
        try:
            archive = rars.RarFile.from_bytes(data, options=_OPTIONS)
        except (rars.Error, MemoryError, ValueError) as error:
            yield Trouble(*_fault(error, of_member=False))
            continue
        for member in _members(archive, passwords):
            if isinstance(member, MemberContent):
                number += 1
                yield msgspec.structs.replace(member, index=number - 1)
            else:
                yield member
    for piece in broken:
        message = OTHER_VOLUME if piece.block.continues else NEXT_VOLUME
        yield MemberContent(number, name_of(piece), failing(ContainerError(FaultCode.INCOMPLETE, message)))
        number += 1


def _structure(source: RandomSource, found: list[Block], *, is_new: bool, is_of_set: bool = False) -> Iterator[Trouble]:
    """Yields a fault for what the library would skip."""
    if any(block.hides_headers for block in found):
        return
    if any(block.is_behind_gap for block in found):
        yield Trouble(FaultCode.DAMAGED, DAMAGED_HEADER)
    last = found[-1] if found else None
    if last is None or last.type != END:
        # Archives before version 5 may lack an end, but not members too.
        if last is None or last.type == MAIN or last.end != source.size or is_new:
            yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        return
    if last.has_next and not is_of_set:
        suffix = missing_rar(source)
        yield Trouble(FaultCode.INCOMPLETE, NEXT_VOLUME if suffix is None else missing_volume_text(suffix))
    at = last.end
    while data := source.read_at(at, CHUNK_BYTES) if at < source.size else b"":
        if data.strip(b"\0"):
            yield Trouble(FaultCode.TRAILING_DATA, TRAILING)
            return
        at += len(data)


def _opened(
    source: RandomSource, start: int, good: list[Block], passwords: Sequence[str]
) -> tuple["rars.RarFile | None", list[Trouble]]:
    """Opens an archive, with a password if its headers are encrypted, and without those that are damaged."""
    archive, troubles = _opened_with(source, start, good, None)
    if archive is None and [trouble.code for trouble in troubles] == [FaultCode.ENCRYPTED]:
        for password in passwords:
            other, _ = _opened_with(source, start, [], password)
            if other is not None:
                return other, []
    return archive, troubles


def _opened_with(
    source: RandomSource, start: int, good: list[Block], password: str | None
) -> tuple["rars.RarFile | None", list[Trouble]]:
    try:
        if isinstance(source, FileSource) and source.size > MAX_MEMBER_BYTES:
            return rars.RarFile(source.path, password=password, options=_OPTIONS), []
        if source.size > MAX_MEMBER_BYTES:
            return None, [Trouble(FaultCode.LIMIT_REACHED, TOO_LONG)]
        return rars.RarFile.from_bytes(source.read_at(0, source.size), password, options=_OPTIONS), []
    except (rars.Error, MemoryError, OSError, ValueError) as error:
        code, message = _fault(error, of_member=False)
    if code is not FaultCode.DAMAGED or source.size > MAX_MEMBER_BYTES:
        return None, [Trouble(code, message)]
    mark = MARK_5 if source.read_at(start, 8) == MARK_5 else MARK_4
    whole = [block for block in good if block.type in {MAIN, FILE, END} and block.end <= source.size]
    data = mark + b"".join(source.read_at(block.start, block.end - block.start) for block in whole)
    is_sound = len(good) > 1 and good[-1].end == source.size and not any(block.is_behind_gap for block in good)
    try:
        # The library refuses some blocks of old versions, although their checksums are right.
        archive = rars.RarFile.from_bytes(data, options=_OPTIONS)
        return archive, [] if is_sound else [Trouble(code, message)]
    except (rars.Error, MemoryError, ValueError):
        return None, [Trouble(code, message)]


def _members(archive: "rars.RarFile", passwords: Sequence[str]) -> Iterator[Found]:
    infos = [info for info in archive.infolist() if not info.is_dir() and not _is_link(archive, info)]
    number = 0
    while number < len(infos):
        info = infos[number]
        batch: Sequence[rars.RarInfo] = (info,)
        contents: Sequence[bytes] | None = None
        if info.is_solid:
            batch, contents = _solid(archive, infos, number)
        for offset, one in enumerate(batch):
            content = None if contents is None else contents[offset]
            name = bytes(one.orig_filename_bytes or one.filename.encode("utf-8", "surrogateescape"))
            yield MemberContent(number + offset, name, _content(archive, one, content, passwords), one.file_size)
        number += len(batch)


def _is_link(archive: "rars.RarFile", info: "rars.RarInfo") -> bool:
    """Returns whether a member has no content of its own: a link, or a copy of another member."""
    if info.compress_size or info.is_split_before or info.is_split_after:
        return False
    try:
        archive.read(info, options=_OPTIONS)
    except KeyError:
        return True
    except (rars.Error, MemoryError, OSError, ValueError):
        return False
    return False


def _solid(
    archive: "rars.RarFile", infos: list["rars.RarInfo"], number: int
) -> tuple[Sequence["rars.RarInfo"], Sequence[bytes] | None]:
    """Unpacks some members that follow one another; ``None``: one of them cannot be unpacked."""
    batch: list[rars.RarInfo] = []
    size = 0
    for info in infos[number:]:
        size += info.file_size or 0
        if batch and size > BATCH_BYTES:
            break
        batch.append(info)
    try:
        return batch, archive.read_many(batch, options=_OPTIONS)
    except (rars.Error, MemoryError, OSError, ValueError):
        return batch, None


def _content(
    archive: "rars.RarFile", info: "rars.RarInfo", content: bytes | None, passwords: Sequence[str]
) -> Iterator[bytes]:
    if info.is_split_before or info.is_split_after:
        raise ContainerError(FaultCode.INCOMPLETE, OTHER_VOLUME if info.is_split_before else NEXT_VOLUME)
    if content is None and info.is_encrypted:
        content = _decrypted(archive, info, passwords)
    if content is None:
        try:
            content = archive.read(info, options=_OPTIONS)
        except (rars.Error, MemoryError, OSError, ValueError) as error:
            code, message = _fault(error, of_member=True)
            raise ContainerError(code, message) from None
    for at in range(0, len(content), CHUNK_BYTES):
        yield content[at : at + CHUNK_BYTES]


def _decrypted(archive: "rars.RarFile", info: "rars.RarInfo", passwords: Sequence[str]) -> bytes:
    """Returns the content of an encrypted member, whose checksum proves the password."""
    for password in (None, *passwords):
        try:
            return bytes(archive.read(info, password, options=_OPTIONS))
        except MemoryError:
            raise ContainerError(FaultCode.LIMIT_REACHED, TOO_LONG) from None
        except (rars.Error, OSError, ValueError):
            continue
    raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD if passwords else ENCRYPTED)


def _fault(error: Exception, *, of_member: bool) -> tuple[FaultCode, str]:
    if isinstance(error, rars.PasswordRequired | rars.BadPassword):
        return FaultCode.ENCRYPTED, ENCRYPTED if of_member else DIRECTORY_ENCRYPTED
    if isinstance(error, rars.UnsupportedRarFeature):
        return FaultCode.UNSUPPORTED, UNSUPPORTED
    if isinstance(error, MemoryError):
        return FaultCode.LIMIT_REACHED, TOO_LONG
    return FaultCode.DAMAGED, DAMAGED_MEMBER if of_member else DAMAGED


def warm_up() -> None:
    """Opens bytes without an archive, so that the library has loaded all of itself."""
    for data in (MARK_5, MARK_4, b"RE~^"):
        try:
            rars.RarFile.from_bytes(data, options=_OPTIONS).infolist()
        except (rars.Error, ValueError):
            continue
