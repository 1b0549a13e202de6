"""Detection of files that look like hash lists and are not.

Read as lists, they would match nothing or the wrong files.
"""

import re
from collections.abc import Callable

from hashaudit.errors import ListError
from hashaudit.lists.bloom import is_bloom_filter
from hashaudit.lists.syntax.delimited import header_row
from hashaudit.lists.syntax.json_values import shape

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MISP_HASHES = re.compile(rb"[0-9a-f]{32}," + _UUID.encode())
_MISP_MANIFEST = re.compile(_UUID + r"\.(?:Orgc|info)\b.*")
_CLAMAV_SECTION = re.compile(rb"(?:\*|[0-9]+):[0-9A-Fa-f]{32,64}:[^:]+(?::[0-9]+)*")
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


_REFUSALS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (
        is_bloom_filter,
        "a Bloom filter is not a hash list: it has false positives by design",
        "use it with --known",
    ),
    (
        lambda head: _MISP_HASHES.fullmatch(_first_line(head)) is not None,
        "MISP's hashes.csv holds hashes of attribute values, not of files",
        "use the feed's events instead",
    ),
    (
        lambda head: any(_MISP_MANIFEST.fullmatch(path) for path in shape(head)),
        "MISP's manifest.json holds no hashes",
        "use the feed's events instead",
    ),
    (
        lambda head: _CLAMAV_SECTION.fullmatch(_first_line(head)) is not None,
        "ClamAV's .mdb and .msb hold hashes of program sections, not of files",
        "use ClamAV's .hdb or .hsb",
    ),
    (
        lambda head: _SQL_DELTA.match(_first_line(head)) is not None,
        "an SQL script is not a hash list, and hashaudit never runs SQL",
        "apply an NSRL delta to its full set with sqlite3, then use the resulting database",
    ),
    (
        lambda head: _columns(head) >= _HASHKEEPER_SET and "hash" not in _columns(head),
        "HashKeeper's .hke only describes a set",
        "use the .hsh beside it",
    ),
    (
        lambda head: any(_columns(head) >= side for side in _NSRL_SIDE_FILES),
        "this file of an NSRL set holds no hashes",
        "use its NSRLFile.txt",
    ),
)


def refuse_other_files(head: bytes) -> None:
    """Refuses a file that is known not to be a hash list.

    Args:
        head: the first bytes of the file, as for :func:`hashaudit.lists.detect.detect`.

    Raises:
        ListError: the file is of a known kind that holds no hashes of files.
    """
    for matches, message, hint in _REFUSALS:
        if matches(head):
            raise ListError(message, hint=hint)
