"""The readers of containers, by kind. Formats without one are counted as not opened."""

from collections.abc import Mapping, Sequence
from functools import partial

from hashaudit.content.containers.ar_reader import read_ar
from hashaudit.content.containers.asar_reader import read_asar
from hashaudit.content.containers.binhex_reader import read_binhex
from hashaudit.content.containers.compressed_stream import STREAM_KINDS, load_deflate64
from hashaudit.content.containers.cpio_reader import read_cpio
from hashaudit.content.containers.disk_image_reader import IMAGE_READERS
from hashaudit.content.containers.few_members import FewMembers
from hashaudit.content.containers.interface import RandomReader, RangesReader, StreamReader
from hashaudit.content.containers.iso_reader import read_iso
from hashaudit.content.containers.lzip_reader import read_lzip
from hashaudit.content.containers.mail_reader import read_mail
from hashaudit.content.containers.mbox_reader import read_mbox
from hashaudit.content.containers.ole_reader import read_ole
from hashaudit.content.containers.optional_readers import FILESYSTEMS, OPTIONAL_READERS, installed_kinds
from hashaudit.content.containers.partition_reader import read_partitions
from hashaudit.content.containers.pdf_encryption import PdfPasswords
from hashaudit.content.containers.pdf_reader import read_pdf
from hashaudit.content.containers.pkcs7_reader import read_pkcs7
from hashaudit.content.containers.rpm_reader import read_rpm
from hashaudit.content.containers.rtf_reader import read_rtf
from hashaudit.content.containers.script_reader import read_script
from hashaudit.content.containers.seven_zip_keys import SevenZipPasswords
from hashaudit.content.containers.sqlite_log import read_sqlite_log
from hashaudit.content.containers.sqlite_reader import read_sqlite
from hashaudit.content.containers.tar_reader import read_tar
from hashaudit.content.containers.text_codecs import load_codecs
from hashaudit.content.containers.tnef_reader import read_tnef
from hashaudit.content.containers.udf_tree import read_udf
from hashaudit.content.containers.uuencode_reader import read_uuencode
from hashaudit.content.containers.warc_reader import read_warc
from hashaudit.content.containers.zip_encryption import ZipPasswords
from hashaudit.content.containers.zip_reader import ZipRanges, read_zip
from hashaudit.model.containers import ContainerKind

STREAM_READERS: dict[ContainerKind, StreamReader] = {
    **STREAM_KINDS,
    ContainerKind.TAR: read_tar,
    ContainerKind.MBOX: read_mbox,
    ContainerKind.AR: read_ar,
    ContainerKind.CPIO: read_cpio,
    ContainerKind.RPM: read_rpm,
    ContainerKind.LZIP: read_lzip,
    ContainerKind.WARC: read_warc,
    ContainerKind.BINHEX: read_binhex,
    ContainerKind.UUENCODE: read_uuencode,
    ContainerKind.RTF: read_rtf,
    ContainerKind.PKCS7: read_pkcs7,
}
"""Readers that need each byte once, in order: a nested container is not held in memory for them."""

RANDOM_READERS: dict[ContainerKind, RandomReader] = {
    ContainerKind.ZIP: read_zip,
    ContainerKind.ISO: read_iso,
    ContainerKind.UDF: read_udf,
    ContainerKind.PARTITIONS: read_partitions,
    **IMAGE_READERS,
    ContainerKind.EML: read_mail,
    ContainerKind.TNEF: read_tnef,
    ContainerKind.SCRIPT: read_script,
    ContainerKind.ASAR: read_asar,
    ContainerKind.OLE: read_ole,
    ContainerKind.PDF: read_pdf,
    ContainerKind.SQLITE: read_sqlite,
    ContainerKind.SQLITE_LOG: read_sqlite_log,
}
"""Readers that need any position. :func:`load_readers` adds those that need an extra."""


def random_readers(passwords: Sequence[bytes], *, rasters: bool = False) -> dict[ContainerKind, RandomReader]:
    """Returns the readers that need any position.

    Args:
        passwords: that they may try.
        rasters: images that are no files by themselves are members too, because they are decoded.

    Creating them loads what the sandbox would refuse to load later.
    """
    readers = dict(RANDOM_READERS)
    readers[ContainerKind.PDF] = partial(read_pdf, passwords=PdfPasswords(passwords), rasters=rasters)
    if not passwords:
        return readers
    readers[ContainerKind.ZIP] = partial(read_zip, passwords=ZipPasswords(passwords))
    if ContainerKind.SEVEN_ZIP in readers:
        from hashaudit.content.containers.seven_zip_reader import read_7z  # noqa: PLC0415 # of an extra, loaded here

        readers[ContainerKind.SEVEN_ZIP] = partial(read_7z, passwords=SevenZipPasswords(passwords))
    if ContainerKind.APFS in readers:
        from hashaudit.content.containers.libyal_filesystem import read_apfs  # noqa: PLC0415 # of an extra, as above

        readers[ContainerKind.APFS] = partial(read_apfs, passwords=tuple(passwords))
    if ContainerKind.RAR in readers:
        from hashaudit.content.containers.rar_reader import read_rar  # noqa: PLC0415 # of an extra, and loaded here

        readers[ContainerKind.RAR] = partial(read_rar, passwords=tuple(passwords))
    return readers


def ranges_readers(
    passwords: Sequence[bytes], readers: Mapping[ContainerKind, RandomReader]
) -> dict[ContainerKind, RangesReader]:
    """Returns the readers of containers that several workers can share.

    Args:
        passwords: that encrypted members may have.
        readers: of :func:`random_readers`.
    """
    found: dict[ContainerKind, RangesReader] = {
        ContainerKind.ZIP: partial(ZipRanges, passwords=ZipPasswords(passwords))
    }
    for kind in (ContainerKind.PARTITIONS, *IMAGE_READERS):
        found[kind] = partial(FewMembers, reader=readers[kind])
    filesystems = [kind for kind in FILESYSTEMS if kind in readers]
    if filesystems:
        from hashaudit.content.containers.filesystem_reader import (  # noqa: PLC0415 # of an extra, and loaded here
            FilesystemRanges,
        )

        found.update(dict.fromkeys(filesystems, FilesystemRanges))
    return found


def readable_kinds() -> frozenset[ContainerKind]:
    """Returns the kinds of containers that can be opened here."""
    return frozenset(STREAM_READERS) | frozenset(RANDOM_READERS) | installed_kinds()


def load_readers(kinds: frozenset[ContainerKind]) -> frozenset[ContainerKind]:
    """Loads the readers of these kinds, because nothing can be imported in the sandbox, and returns those it has."""
    load_codecs()
    load_deflate64()
    kinds &= readable_kinds()
    for kind in sorted(kinds & OPTIONAL_READERS.keys()):
        if kind not in RANDOM_READERS:
            RANDOM_READERS[kind] = OPTIONAL_READERS[kind].load()
    return kinds
