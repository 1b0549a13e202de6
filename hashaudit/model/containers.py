"""Containers: files that hold members, by the kind of their format, and what an examination says about one."""

from enum import StrEnum

import msgspec


class ContainerKind(StrEnum):
    """The format of a container. Formats that are another one inside have its kind: a ``.docx`` is a ``zip``."""

    ZIP = "zip"
    SEVEN_ZIP = "7z"
    RAR = "rar"
    TAR = "tar"
    GZ = "gz"
    BZ2 = "bz2"
    XZ = "xz"
    LZMA = "lzma"
    ZST = "zst"
    LZ4 = "lz4"
    LZIP = "lzip"
    LZO = "lzo"
    COMPRESS = "compress"
    CPIO = "cpio"
    AR = "ar"
    RPM = "rpm"
    CAB = "cab"
    XAR = "xar"
    LHA = "lha"
    ARJ = "arj"
    SQUASHFS = "squashfs"
    WIM = "wim"
    WARC = "warc"
    OLE = "ole"
    PDF = "pdf"
    CHM = "chm"
    ONENOTE = "onenote"
    EML = "eml"
    MBOX = "mbox"
    PST = "pst"
    TNEF = "tnef"
    SQLITE = "sqlite"
    THUMBCACHE = "thumbcache"
    ISO = "iso"
    EWF = "ewf"
    QCOW = "qcow"
    VHD = "vhd"
    VHDX = "vhdx"
    VMDK = "vmdk"
    PARTITIONS = "partitions"
    NTFS = "ntfs"
    FAT = "fat"
    EXT = "ext"
    HFS = "hfs"
    XFS = "xfs"


class ContainerResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of examining a container as such."""

    kind: ContainerKind
    opened: bool = False
    """False: the container was read as a file alone, and no member of it was examined."""
