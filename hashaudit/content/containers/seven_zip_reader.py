"""The reader of 7z archives, through libarchive.

Source: 7zFormat.txt of the LZMA SDK.
"""

import struct
from collections.abc import Iterator

from hashaudit.content.containers.appended_archives import appended_start
from hashaudit.content.containers.interface import ContainerError, Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.library_archive import DAMAGED, ENCRYPTED, LibraryArchive
from hashaudit.content.containers.library_members import members_of, trailing
from hashaudit.content.containers.seven_zip_encryption import (
    DecryptedArchive,
    decrypted_archives,
    has_unread_method,
    is_encrypted,
)
from hashaudit.content.containers.seven_zip_header import UNSUPPORTED
from hashaudit.content.containers.seven_zip_keys import SevenZipPasswords
from hashaudit.content.containers.zip_encryption import NO_PASSWORD_OR_DAMAGED
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

ENDS_EARLY = "the archive ends early"
UNSUPPORTED_METHOD = "the compression method of the member is not supported"


def read_7z(source: RandomSource, passwords: SevenZipPasswords | None = None) -> Iterator[Found]:
    """Reads a 7z archive, also one behind a program.

    Args:
        source: the bytes of the file.
        passwords: tried if it is encrypted.
    """
    start = 0
    head = source.read_at(0, 32)
    if not head.startswith(b"7z"):
        found = appended_start(source.read_at, source.size, ContainerKind.SEVEN_ZIP)
        if found is None:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        start = found
        head = source.read_at(start, 32)
    if len(head) < 32:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
        return
    offset, size = struct.unpack_from("<QQ", head, 12)
    end = start + 32 + offset + size
    if end > source.size:
        yield Trouble(FaultCode.DAMAGED, ENDS_EARLY)
    decrypted = _decrypted(source, start, passwords) if passwords else []
    if decrypted:
        plain = _fitting(decrypted)
        yield from _sure(members_of(LibraryArchive(plain, 0, plain.size, ("format_7zip",))))
    else:
        is_first = True
        members = members_of(LibraryArchive(source, start, min(end, source.size), ("format_7zip",)))
        if has_unread_method(source, start):
            members = _not_damaged(members)
        for one in members:
            is_refused = is_first and isinstance(one, Trouble) and one.code is FaultCode.DAMAGED
            # The library calls an archive damaged of which some member is encrypted and converted (BCJ2).
            yield Trouble(FaultCode.ENCRYPTED, ENCRYPTED) if is_refused and is_encrypted(source, start) else one
            is_first = False
    yield from trailing(source, end)


def _not_damaged(members: Iterator[Found]) -> Iterator[Found]:
    """Yields members of an archive in which a method is not supported, which the library calls damage."""

    def content(chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except ContainerError as error:
            if error.code is not FaultCode.DAMAGED:
                raise
            raise ContainerError(FaultCode.UNSUPPORTED, UNSUPPORTED_METHOD) from None

    for found in members:
        if isinstance(found, MemberContent):
            found.chunks, found.whole = content(found.chunks), None
            yield found
        elif found.code is FaultCode.DAMAGED:
            yield Trouble(FaultCode.UNSUPPORTED, UNSUPPORTED)
        else:
            yield found


def _decrypted(source: RandomSource, start: int, passwords: SevenZipPasswords) -> list[DecryptedArchive]:
    try:
        return decrypted_archives(source, start, passwords.for_archive())
    except ContainerError as error:
        if error.code is FaultCode.ENCRYPTED:
            raise
        return []  # the library may read more of it


def _fitting(archives: list[DecryptedArchive]) -> DecryptedArchive:
    """Returns the archive as the first password shows it with which the first member agrees with its checksum."""
    for archive in archives if len(archives) > 1 else ():
        for found in members_of(LibraryArchive(archive, 0, archive.size, ("format_7zip",))):
            if isinstance(found, Trouble):
                break
            if not found.size:
                continue
            try:
                for _ in found.chunks:
                    pass
            except ContainerError:
                break
            return archive
    return archives[0]


def _sure(members: Iterator[Found]) -> Iterator[Found]:
    """Yields members. Until one of them agrees with its checksum, damage may be a wrong password."""
    proof: list[int] = []

    def content(chunks: Iterator[bytes]) -> Iterator[bytes]:
        count = 0
        try:
            for data in chunks:
                count += len(data)
                yield data
        except ContainerError as error:
            if proof or error.code is not FaultCode.DAMAGED:
                raise
            raise ContainerError(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED) from None
        proof[:] = proof or [count] * (count > 0)

    for found in members:
        if isinstance(found, MemberContent):
            found.chunks = content(found.chunks)
            yield found
        elif proof or found.code is not FaultCode.DAMAGED:
            yield found
        else:
            yield Trouble(FaultCode.ENCRYPTED, NO_PASSWORD_OR_DAMAGED)
