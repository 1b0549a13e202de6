"""Detection of files that look like hash lists and are not.

Read as lists, they would match nothing or the wrong files.
"""

import re
from collections.abc import Callable

from hashaudit.errors import ListError
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.bloom import is_bloom_filter
from hashaudit.lists.hash_words import visible
from hashaudit.lists.syntax.delimited import header_row
from hashaudit.lists.syntax.json_values import shape

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MISP_HASHES = lazy_pattern(rb"[0-9a-f]{32}," + _UUID.encode())
_MISP_MANIFEST = lazy_pattern(_UUID + r"\.(?:Orgc|info)\b.*")
_CLAMAV_SECTION = lazy_pattern(rb"(?:\*|[0-9]+):[0-9A-Fa-f]{32,64}:[^:]+(?::[0-9]+)*")
_SQL_DELTA = lazy_pattern(rb"(?:BEGIN|INSERT INTO|UPDATE|DELETE FROM|PRAGMA)\b", re.IGNORECASE)
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


_OTHER_KINDS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|.{257}ustar|MSCF\0\0\0\0", re.DOTALL),
        "an archive",
        "extract the list and use it directly",
    ),
    (
        re.compile(rb"%PDF-|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf"),
        "a document",
        "copy its hashes into a text file, one a line",
    ),
    (
        re.compile(rb"\s*<(?:!DOCTYPE\s+html|html)\b", re.IGNORECASE),
        "a web page",
        "download the list itself, or take every hash of one length from the page: sha256=FILE",
    ),
    (
        re.compile(rb"\s*[{\[]"),
        "a JSON text whose first records have no hash under a known name",
        "",
    ),
    (re.compile(rb"\s*<[?!A-Za-z]"), "an XML text of another kind", ""),
    (re.compile(rb"[^\0]*\0(?!\0*$)"), "a binary file", ""),
)
"""Beginnings of files of no known format: what they are, and what to try. They are sought last."""

_HEX_RUN = lazy_pattern(rb"\s*([0-9A-Fa-f]{24,})(?![0-9A-Za-z])")


def description(head: bytes) -> tuple[str, str]:
    """Returns what the beginning of a file of no known format is, and what to try: empty if nothing is known.

    Args:
        head: the first bytes of the file, not blank.
    """
    for beginning, kind, hint in _OTHER_KINDS:
        if beginning.match(head):
            return f"it is {kind}", hint
    number, line = next((number, line) for number, line in enumerate(head.split(b"\n"), 1) if visible(line).strip())
    run = _HEX_RUN.match(visible(line))
    if run is not None:
        return f"line {number}: {len(run[1])} hex digits, the length of no known hash", ""
    beginnings = "neither a hash, nor the names of columns, nor the beginning of a known format"
    return f"line {number} is {beginnings}", ""


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
