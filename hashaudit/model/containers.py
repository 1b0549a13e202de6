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
    BINHEX = "binhex"
    UUENCODE = "uuencode"
    PKCS7 = "pkcs7"
    SCRIPT = "script"
    """A script of a shell with packed data behind it, which unpacks itself."""
    ASAR = "asar"
    ACE = "ace"
    ALZ = "alz"
    EGG = "egg"
    ZOO = "zoo"
    FREEARC = "freearc"
    DMS = "dms"
    LRZIP = "lrzip"
    RZIP = "rzip"
    BZIP3 = "bzip3"
    ZPAQ = "zpaq"
    SNAPPY = "snappy"
    LZFSE = "lzfse"
    SZDD = "szdd"
    INSTALLSHIELD = "installshield"
    STUFFIT = "stuffit"
    SHAR = "shar"
    CRAMFS = "cramfs"
    ROMFS = "romfs"
    UBI = "ubi"
    OLE = "ole"
    PDF = "pdf"
    CHM = "chm"
    ONENOTE = "onenote"
    RTF = "rtf"
    MOBI = "mobi"
    LIT = "lit"
    EML = "eml"
    MBOX = "mbox"
    PST = "pst"
    TNEF = "tnef"
    MMDF = "mmdf"
    BABYL = "babyl"
    DBX = "dbx"
    SQLITE = "sqlite"
    SQLITE_LOG = "sqlite-log"
    SQLITE_JOURNAL = "sqlite-journal"
    ACCESS = "access"
    ESE = "ese"
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
    APFS = "apfs"
    UDF = "udf"
    DMG = "dmg"
    BTRFS = "btrfs"
    F2FS = "f2fs"
    REFS = "refs"
    LUKS = "luks"
    BITLOCKER = "bitlocker"
    LVM = "lvm"
    VOLUME = "volume"
    """A further file of an image or archive that is split over several, which is read with the first one."""


class ContainerCategory(StrEnum):
    """Groups of kinds that a user names."""

    ARCHIVES = "archives"
    DOCUMENTS = "documents"
    MAIL = "mail"
    DATABASES = "databases"
    IMAGES = "images"


_K = ContainerKind
CATEGORIES: dict[ContainerCategory, frozenset[ContainerKind]] = {
    ContainerCategory.DOCUMENTS: frozenset(
        (_K.OLE, _K.PDF, _K.CHM, _K.ONENOTE, _K.RTF, _K.MOBI, _K.LIT)
    ),
    ContainerCategory.MAIL: frozenset((_K.EML, _K.MBOX, _K.PST, _K.TNEF, _K.MMDF, _K.BABYL, _K.DBX)),
    ContainerCategory.DATABASES: frozenset(
        (_K.SQLITE, _K.SQLITE_LOG, _K.SQLITE_JOURNAL, _K.ACCESS, _K.ESE, _K.THUMBCACHE)
    ),
    ContainerCategory.IMAGES: frozenset(
        (
            _K.ISO, _K.EWF, _K.QCOW, _K.VHD, _K.VHDX, _K.VMDK, _K.PARTITIONS, _K.NTFS, _K.FAT, _K.EXT, _K.HFS, _K.XFS,
            _K.APFS, _K.UDF, _K.DMG, _K.BTRFS, _K.F2FS, _K.REFS, _K.LUKS, _K.BITLOCKER, _K.LVM,
        )
    ),
}  # fmt: skip
CATEGORIES[ContainerCategory.ARCHIVES] = frozenset(_K) - frozenset().union(*CATEGORIES.values())


class ContainerResult(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The result of examining a container as such. Counts are of members at all depths."""

    kind: ContainerKind
    opened: bool = False
    """False: the container was read as a file alone, and no member of it was examined."""
    lines: int = 0
    """Members with a result of their own."""
    clean: int = 0
    """Members without one: completely examined, no match."""
    known: int = 0
    """Members without one: completely examined, matches of known lists only."""
    bytes: int = 0
    """Content of members that was unpacked and hashed."""
    containers: dict[str, int] = {}
    """Members without a result that are containers and were opened, by kind."""
    containers_unopened: dict[str, int] = {}
    """Members without a result that are containers and were not opened, by kind."""
    same_as: int | None = None
    """The container is equal to the one that this number of links of its chain names (0: the file itself), so its
    members are examined there."""
    skipped: int = 0
    """Members that a pattern excludes, or does not include."""
    deleted_unreadable: int = 0
    """Deleted members whose content is not there any more."""

    @property
    def members(self) -> int:
        """Members at all depths."""
        return self.lines + self.clean + self.known
