"""Detection of the format of a list, from its content alone and never from its name.

The table is static: code found at run time could change what is evidence.
"""

from hashaudit.errors import ListError
from hashaudit.lists.formats.bill_of_materials import CycloneDx, CycloneDxXml, SpdxJson, SpdxTags
from hashaudit.lists.formats.clamav import ClamAv
from hashaudit.lists.formats.coreutils import Coreutils
from hashaudit.lists.formats.encase import Encase
from hashaudit.lists.formats.file_manifests import DebianControl, Mtree, RpmDump
from hashaudit.lists.formats.hashdeep import Hashdeep
from hashaudit.lists.formats.hashkeeper import HASHKEEPER
from hashaudit.lists.formats.hma import HmaBank
from hashaudit.lists.formats.icse import ICSE
from hashaudit.lists.formats.ilook import ILOOK_V1, ILOOK_V3, ILOOK_V4
from hashaudit.lists.formats.json_records import JsonRecords
from hashaudit.lists.formats.kdb import Kdb
from hashaudit.lists.formats.loki import Loki
from hashaudit.lists.formats.malwarebazaar import MalwareBazaar
from hashaudit.lists.formats.md5deep import Md5deep
from hashaudit.lists.formats.misp import MispEvent
from hashaudit.lists.formats.ncmec import Ncmec
from hashaudit.lists.formats.nsrl import NSRL_TEXT
from hashaudit.lists.formats.nsrl_sqlite import NsrlSqlite
from hashaudit.lists.formats.openioc import OpenIoc
from hashaudit.lists.formats.plain import PLAIN
from hashaudit.lists.formats.sleuthkit import SleuthkitIndex
from hashaudit.lists.formats.stix import StixBundle
from hashaudit.lists.formats.stopncii import StopNcii
from hashaudit.lists.formats.table import Table
from hashaudit.lists.formats.tech_against_terrorism import TechAgainstTerrorism
from hashaudit.lists.formats.threatexchange_csv import ThreatExchangeCsv
from hashaudit.lists.formats.threatexchange_local import ThreatExchangeLocal
from hashaudit.lists.formats.threatexchange_updates import ThreatExchangeUpdates
from hashaudit.lists.formats.vics import Vics
from hashaudit.lists.formats.virustotal import VirusTotal
from hashaudit.lists.formats.warninglist import Warninglist
from hashaudit.lists.formats.windows_tools import Certutil, Fciv, FcivXml, GetFileHash
from hashaudit.lists.formats.yara import Yara
from hashaudit.lists.interface import ListFormat, ParseOptions, PathFormat
from hashaudit.lists.not_a_list import description, refuse_other_files

TABLE = Table()

FORMATS: tuple[ListFormat, ...] = (
    Encase(),
    Hashdeep(),
    SleuthkitIndex(),
    NSRL_TEXT,
    HASHKEEPER,
    ILOOK_V1,
    ILOOK_V3,
    ILOOK_V4,
    ICSE,
    ThreatExchangeCsv(),
    MalwareBazaar(),
    Vics(),
    StopNcii(),
    TechAgainstTerrorism(),
    ThreatExchangeUpdates(),
    HmaBank(),
    MispEvent(),
    StixBundle(),
    Warninglist(),
    CycloneDx(),
    SpdxJson(),
    VirusTotal(),
    JsonRecords(),
    Ncmec(),
    OpenIoc(),
    CycloneDxXml(),
    FcivXml(),
    SpdxTags(),
    GetFileHash(),
    Certutil(),
    Fciv(),
    Yara(),
    Mtree(),
    RpmDump(),
    DebianControl(),
    ClamAv(),
    Loki(),
    ThreatExchangeLocal(),
    Md5deep(),
    Coreutils(),
    PLAIN,
    TABLE,
)
"""Formats in the order in which they are tried: those with a signature come before those recognised by shape."""

DATABASES: tuple[PathFormat, ...] = (NsrlSqlite(), Kdb())

ACCEPTED = (
    "plain hashes, checksum files of coreutils, BSD and b3sum, hashdeep, md5deep, "
    "comma, semicolon or tab separated text whose first line names the columns, NSRL, HashKeeper, ILook, EnCase .hash, "
    "Sleuth Kit .idx and .kdb, VICS, ICSE, NCMEC, ThreatExchange, StopNCII, Tech Against Terrorism, HMA, MISP, STIX, "
    "OpenIOC, VirusTotal, OTX, CycloneDX, SPDX, YARA, mtree, rpm --dump, Debian control files, Get-FileHash, certutil, "
    "fciv, Loki, ClamAV and MalwareBazaar; text may be compressed with gzip, bzip2, xz, zstd or zip"
)


def detect(head: bytes, options: ParseOptions) -> ListFormat:
    """Returns the format of a list.

    Args:
        head: first bytes of the list, at most 64 KiB, as UTF-8 without a byte-order mark.
        options: mapped columns make a text that has them a table; lists of other formats are read as usual. A stated
            algorithm makes a text of no other format a plain list.

    Raises:
        ListError: the format is not supported; the message lists the supported formats.
    """
    if not head.strip():
        raise ListError("the list is empty")
    if TABLE.fits(head, options.columns):
        return TABLE
    refuse_other_files(head)
    found = recognised(head, options)
    if found is not None:
        return found
    if options.columns:
        return TABLE
    if PLAIN.fits(head, options.algorithm):
        return PLAIN
    what, hint = description(head)
    other = (
        "state the algorithm to take every hash of its length from a text (sha256=FILE), or map the columns of a table "
        "(--column-map COLUMN=FIELD)"
    )
    raise ListError(f"unrecognised list format: {what}", hint=f"{hint or other}; supported formats: {ACCEPTED}")


def recognised(head: bytes, options: ParseOptions) -> ListFormat | None:
    """Returns the format that recognises the beginning of a list, or its outline; ``None`` if none does."""
    return next((one for one in FORMATS if one.recognises(options.outline or head)), None)


def detect_database(path: str) -> PathFormat:
    """Returns the format of a SQLite database.

    Raises:
        ListError: the database cannot be read, or its format is not supported.
    """
    for candidate in DATABASES:
        if candidate.recognises(path):
            return candidate
    raise ListError("unrecognised database format", hint="supported databases: NSRL RDS version 3 and Autopsy's .kdb")
