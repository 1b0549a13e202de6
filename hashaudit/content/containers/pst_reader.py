"""The reader of Outlook's mailboxes (``.pst``, ``.ost``), through libpff of the extra ``libyal``.

Members are the bodies and the attachments of each message. A message that is attached to another one is
below it. Messages outside of the tree are read too, as deleted ones.

Source: libyal, ``pypff``; [MS-PST].
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pypff

from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.libyal_values import DAMAGED_MEMBER, LIBYAL_ERRORS, name_bytes
from hashaudit.content.containers.member_source import MemorySource, failing
from hashaudit.content.containers.source_file import SourceFile
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
ORPHANS = b"$Orphans"
"""Directory of the messages outside of the tree."""

MAX_DEPTH = 64
MOST_ITEMS = 10_000_000

Item = Any
"""A directory, message or attachment; the library comes without types."""


def read_pst(source: RandomSource) -> Iterator[Found]:
    """Reads a mailbox, directory by directory."""
    file, mailbox = SourceFile(source), pypff.file()
    reader = _Mailbox(file)
    try:
        mailbox.open_file_object(file)
        root = mailbox.get_root_folder()
        orphans = mailbox.get_number_of_orphan_items()
    except LIBYAL_ERRORS:
        yield reader.trouble()
        return
    if root is not None:
        yield from reader.folder(root, b"", 0)
    for number in range(min(orphans, MOST_ITEMS)):
        yield from reader.item(partial(mailbox.get_orphan_item, number), ORPHANS + b"/", 0, deleted=True)


class _Mailbox:
    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._index = 0

    def trouble(self) -> Trouble:
        """Returns the fault of what cannot be read."""
        error = self._file.take_error(DAMAGED)
        return Trouble(error.code, error.message)

    def folder(self, folder: Item, path: bytes, depth: int) -> Iterator[Found]:
        """Yields the contents of a directory, then of those in it."""
        try:
            messages, folders = folder.get_number_of_sub_messages(), folder.get_number_of_sub_folders()
        except LIBYAL_ERRORS:
            yield self.trouble()
            return
        if depth > MAX_DEPTH:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        for number in range(min(messages, MOST_ITEMS)):
            yield from self.item(partial(folder.get_sub_message, number), path, depth)
        for number in range(min(folders, MOST_ITEMS)):
            try:
                inner = folder.get_sub_folder(number)
                name = name_bytes(inner.get_name())
            except LIBYAL_ERRORS:
                yield self.trouble()
                continue
            yield from self.folder(inner, path + name + b"/", depth + 1)

    def item(self, get: Callable[[], Item], path: bytes, depth: int, *, deleted: bool = False) -> Iterator[Found]:
        """Yields the contents of a message."""
        try:
            item = get()
            path += b"%d/" % item.get_identifier()
        except LIBYAL_ERRORS:
            yield self.trouble()
            return
        if depth > MAX_DEPTH:
            yield Trouble(FaultCode.DAMAGED, DAMAGED)
            return
        for name, method in (
            (b"body.txt", "get_plain_text_body"),
            (b"body.html", "get_html_body"),
            (b"body.rtf", "get_rtf_body"),
        ):
            read = getattr(item, method, None)
            if read is not None:
                yield from self._text(read, path + name, deleted=deleted)
        yield from self._attachments(item, path, depth, deleted=deleted)

    def _text(self, read: Callable[[], str | bytes | None], name: bytes, *, deleted: bool) -> Iterator[Found]:
        try:
            text = read()
        except LIBYAL_ERRORS:
            yield self._member(name, failing(self._file.take_error(DAMAGED_MEMBER)), None, deleted=deleted)
            return
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if data:
            yield self._member(name, _pieces(data), len(data), deleted=deleted)

    def _attachments(self, item: Item, path: bytes, depth: int, *, deleted: bool) -> Iterator[Found]:
        get_count = getattr(item, "get_number_of_attachments", None)
        try:
            count = 0 if get_count is None else get_count()
        except LIBYAL_ERRORS:
            yield self.trouble()
            return
        for number in range(min(count, MOST_ITEMS)):
            try:
                attachment = item.get_attachment(number)
                name = name_bytes(attachment.get_long_filename()) or b"%d" % number
                inner = attachment.get_number_of_sub_items()
            except LIBYAL_ERRORS:
                yield self.trouble()
                continue
            for at in range(inner):
                yield from self.item(partial(attachment.get_sub_item, at), path, depth + 1, deleted=deleted)
            if not inner:
                yield self._attached(attachment, path + name, deleted=deleted)

    def _attached(self, attachment: Item, name: bytes, *, deleted: bool) -> MemberContent:
        try:
            size = int(attachment.get_size())
        except LIBYAL_ERRORS:
            return self._member(name, failing(self._file.take_error(DAMAGED_MEMBER)), None, deleted=deleted)
        return self._member(name, self._read(attachment, size), size, deleted=deleted)

    def _read(self, attachment: Item, size: int) -> Iterator[bytes]:
        self._file.error = None
        try:
            attachment.seek_offset(0, 0)
            while size > 0:
                data: bytes = attachment.read_buffer(min(size, CHUNK_BYTES))
                if not data:
                    break
                size -= len(data)
                yield data
        except LIBYAL_ERRORS:
            raise self._file.take_error(DAMAGED_MEMBER) from None
        if size:
            raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)

    def _member(self, name: bytes, chunks: Iterator[bytes], size: int | None, *, deleted: bool) -> MemberContent:
        self._index += 1
        return MemberContent(self._index - 1, name, chunks, size, deleted=deleted)


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES))


def warm_up() -> None:
    """Opens data without a mailbox, so that the library has loaded all of itself."""
    list(read_pst(MemorySource(b"!BDN" + bytes(4096))))
