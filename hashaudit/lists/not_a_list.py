"""Files that look like lists of file hashes and are none: read as such they would match nothing, or the wrong thing."""

import re
from collections.abc import Callable

from hashaudit.lists.bloom import is_bloom_filter
from hashaudit.lists.syntax.delimited import header_row
from hashaudit.lists.syntax.json_values import shape

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MISP_HASHES = re.compile(rb"[0-9a-f]{32}," + _UUID.encode())
_MISP_MANIFEST = re.compile(_UUID + r"\.(?:Orgc|info)\b.*")
_CLAMAV_SECTION = re.compile(rb"(?:\*|[0-9]{1,20}):[0-9A-Fa-f]{32,64}:[^:]+(?::[0-9]+)*")
_SQL_DELTA = re.compile(rb"(?:BEGIN|INSERT INTO|UPDATE|DELETE FROM|PRAGMA)\b", re.IGNORECASE)
_HASHKEEPER_SET = frozenset({"hashset_id", "vendor", "package"})
_NSRL_SIDE_FILES = (
    frozenset({"productcode", "productname"}),
    frozenset({"mfgcode", "mfgname"}),
    frozenset({"opsystemcode", "opsystemname"}),
)


def _first_line(head: bytes) -> bytes:
    return next((line.strip() for line in head.split(b"\n") if line.strip()), b"")


def _columns(head: bytes) -> set[str]:
    return {column.lower() for column in header_row(head, ",")}


_REFUSALS: tuple[tuple[Callable[[bytes], bool], str], ...] = (
    (
        is_bloom_filter,
        "a Bloom filter errs by design: it only says which files are perhaps known; give it to scan as --known",
    ),
    (
        lambda head: _MISP_HASHES.fullmatch(_first_line(head)) is not None,
        "MISP's hashes.csv holds hashes of attribute values, not of files; give the feed's events instead",
    ),
    (
        lambda head: any(_MISP_MANIFEST.fullmatch(path) for path in shape(head)),
        "MISP's manifest.json holds no hashes; give the feed's events instead",
    ),
    (
        lambda head: _CLAMAV_SECTION.fullmatch(_first_line(head)) is not None,
        "ClamAV's .mdb and .msb hold hashes of sections of programs, not of files",
    ),
    (
        lambda head: _SQL_DELTA.match(_first_line(head)) is not None,
        "SQL is not run; apply an NSRL delta to its full set with sqlite3 and give the database that comes of it",
    ),
    (
        lambda head: _columns(head) >= _HASHKEEPER_SET and "hash" not in _columns(head),
        "HashKeeper's .hke only describes a set; give the .hsh beside it",
    ),
    (
        lambda head: any(_columns(head) >= side for side in _NSRL_SIDE_FILES),
        "this file of an NSRL set holds no hashes; give its NSRLFile.txt",
    ),
)


def refusal(head: bytes) -> str | None:
    """Why a file that begins like this is no hash list, or ``None`` if it may be one."""
    return next((message for matches, message in _REFUSALS if matches(head)), None)
