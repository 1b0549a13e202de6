"""Which format a list has: told by its content alone, never by its name.

The table is static: code that is found at run time could change what is evidence.
"""

from hashaudit.errors import ListError
from hashaudit.lists.formats.clamav import ClamAv
from hashaudit.lists.formats.coreutils import Coreutils
from hashaudit.lists.formats.encase import Encase
from hashaudit.lists.formats.hashdeep import Hashdeep
from hashaudit.lists.formats.hashkeeper import HASHKEEPER
from hashaudit.lists.formats.hma import HmaBank
from hashaudit.lists.formats.icse import ICSE
from hashaudit.lists.formats.ilook import ILOOK_V1, ILOOK_V3, ILOOK_V4
from hashaudit.lists.formats.kdb import Kdb
from hashaudit.lists.formats.loki import Loki
from hashaudit.lists.formats.malwarebazaar import MalwareBazaar
from hashaudit.lists.formats.md5deep import Md5deep
from hashaudit.lists.formats.misp import MispEvent
from hashaudit.lists.formats.ncmec import Ncmec
from hashaudit.lists.formats.nsrl import NSRL_TEXT
from hashaudit.lists.formats.nsrl_sqlite import NsrlSqlite
from hashaudit.lists.formats.openioc import OpenIoc
from hashaudit.lists.formats.plain import Plain
from hashaudit.lists.formats.sleuthkit import SleuthkitIndex
from hashaudit.lists.formats.stix import StixBundle
from hashaudit.lists.formats.stopncii import StopNcii
from hashaudit.lists.formats.table import Table
from hashaudit.lists.formats.tech_against_terrorism import TechAgainstTerrorism
from hashaudit.lists.formats.threatexchange_csv import ThreatExchangeCsv
from hashaudit.lists.formats.threatexchange_local import ThreatExchangeLocal
from hashaudit.lists.formats.threatexchange_updates import ThreatExchangeUpdates
from hashaudit.lists.formats.vics import Vics
from hashaudit.lists.formats.warninglist import Warninglist
from hashaudit.lists.interface import ListFormat, ParseOptions, PathFormat
from hashaudit.lists.not_a_list import refusal

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
    Ncmec(),
    OpenIoc(),
    ClamAv(),
    Loki(),
    ThreatExchangeLocal(),
    Md5deep(),
    Coreutils(),
    Plain(),
    TABLE,
)
"""In the order in which they are asked; formats with a mark of their own come before those that are told by shape."""

DATABASES: tuple[PathFormat, ...] = (NsrlSqlite(), Kdb())

ACCEPTED = (
    "plain hashes, checksum files of coreutils, BSD and b3sum, hashdeep, md5deep, "
    "comma, semicolon or tab separated text whose first line names the columns, NSRL, HashKeeper, ILook, EnCase .hash, "
    "Sleuth Kit .idx and .kdb, VICS, ICSE, NCMEC, ThreatExchange, StopNCII, Tech Against Terrorism, HMA, MISP, STIX, "
    "OpenIOC, Loki, ClamAV and MalwareBazaar; text may be packed with gzip, zstd or zip"
)


def detect(head: bytes, options: ParseOptions) -> ListFormat:
    """Names the format of a list.

    Args:
        head: its first bytes, at most 64 KiB, a byte-order mark and UTF-16 undone.
        options: mapped columns settle that a text which has them is a table; lists of other formats are read as ever.

    Raises:
        ListError: it is none of the formats; the message says which there are.
    """
    if not head.strip():
        raise ListError("the list is empty")
    if TABLE.fits(head, options.columns):
        return TABLE
    reason = refusal(head)
    if reason is not None:
        raise ListError(reason)
    for candidate in FORMATS:
        if candidate.recognises(head):
            return candidate
    if options.columns:
        return TABLE
    raise ListError(f"not a format that is read; accepted are {ACCEPTED}")


def detect_database(path: str) -> PathFormat:
    """Names the format of a SQLite database.

    Raises:
        ListError: it cannot be read, or is none of the formats.
    """
    for candidate in DATABASES:
        if candidate.recognises(path):
            return candidate
    raise ListError("not a database that is read; accepted are NSRL RDS version 3 and Autopsy's .kdb")
