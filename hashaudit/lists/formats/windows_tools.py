"""Output of Windows' own tools: ``Get-FileHash`` of PowerShell, ``certutil -hashfile``, and ``fciv``.

Source: Microsoft documentation, "Get-FileHash" and "certutil"; observation of all three.
"""

import base64
import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.algorithms import BY_HEX_LENGTH, UNNAMED, algorithm_named, listed_name
from hashaudit.lists.entry_fields import entry_or_reject, refuse_truncated
from hashaudit.lists.hash_words import holds_other_hash, name_remarks, visible
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.syntax.xml_values import element_text, local_name, records, root_name

_TABLE_HEADER = lazy_pattern(r"\s*Algorithm\s+Hash\s+Path\s*")
_TABLE_RULE = lazy_pattern(r"\s*-{4,}[-\s]*")
_TABLE_ROW = lazy_pattern(r"\s*([A-Za-z0-9]+)\s+([0-9A-Fa-f]+)(\.{3}|\u2026)?\s*(.*)")
_FIELD = lazy_pattern(r"\s*(Algorithm|Hash|Path)\s*:\s?(.*)", re.IGNORECASE)
_WRAPPED = lazy_pattern(r"\s{4,}([0-9A-Fa-f]+)\s*")

_CERTUTIL = lazy_pattern(
    r"(?:\w{1,20}[ -]){0,2}(MD[245]|SHA-?\d+)\b"
    r".{0,40}?(?:of file|file|datei|fichier|archivo|bestand|of|von|de|di|du|da|:)\s*(.*?)\s*:\s*",
    re.IGNORECASE,
)
"""The line before a hash, in any language: the algorithm is one of its first words."""

_CERTUTIL_HASH = lazy_pattern(r"[0-9A-Fa-f]{2}(?: ?[0-9A-Fa-f]{2})+\s*")


class GetFileHash:
    """Reader of PowerShell's table and list. Lenient: a narrow window cuts hashes, which are counted."""

    name = "get-filehash"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line has the names of the table, or the first field of the list."""
        first = next((line for line in head.split(b"\n") if visible(line).strip()), b"")
        text = _text(first)
        field = _FIELD.fullmatch(text)
        return _TABLE_HEADER.fullmatch(text) is not None or (
            field is not None and field[1].lower() == "algorithm" and algorithm_named(field[2]) is not None
        )

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each row names its algorithm
        """Yields an entry for each file, its path as the label ``name``.

        Raises:
            ListError: the last line is truncated.
        """
        record: dict[str, str] = {}
        begin = key = ""
        number = 0
        for number, line, ended in numbered_lines(stream):
            text = "" if line is None else _text(line)
            field, wrapped = _FIELD.fullmatch(text), _WRAPPED.fullmatch(text)
            if field is not None:
                key = field[1].lower()
                if key in record:
                    yield _record(int(begin or number), record)
                    record = {}
                begin = begin if record else str(number)
                record[key] = field[2].strip()
            elif wrapped is not None and key == "hash":
                record[key] += wrapped[1]
            elif _is_row(text) and not (record and text.startswith("    ")):
                yield refuse_truncated(number, _row(number, text), ended=ended)
        if record:
            yield _record(int(begin or number), record)


class Certutil:
    """Reader of certutil's output. Lenient: it also holds messages in the language of the system."""

    name = "certutil"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line announces a hash of a file, and the second is one."""
        lines = [_text(line) for line in head.split(b"\n") if line.strip()][:2]
        return (
            len(lines) == 2
            and _CERTUTIL.fullmatch(lines[0]) is not None
            and _CERTUTIL_HASH.fullmatch(lines[1].strip()) is not None
        )

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each hash has its algorithm
        """Yields an entry for each hash, the file's path as the label ``name``.

        Raises:
            ListError: the last line is truncated.
        """
        announced: re.Match[str] | None = None
        for number, line, ended in numbered_lines(stream):
            text = "" if line is None else _text(line).strip()
            found = _CERTUTIL.fullmatch(text)
            if found is not None:
                announced = found
            elif announced is not None and text:
                if _CERTUTIL_HASH.fullmatch(text):
                    digits = text.replace(" ", "")
                    pairs = [(listed_name(announced[1]), digits)]
                    item = entry_or_reject(number, pairs, labels={"name": announced[2]})
                    yield refuse_truncated(number, item, ended=ended)
                else:
                    yield Rejected(number, RejectReason.MALFORMED, "not a hash")
                announced = None
            elif text and (_CERTUTIL_HASH.fullmatch(text) or holds_other_hash(text)):
                yield Rejected(number, RejectReason.MALFORMED, "a hash without its algorithm")


class Fciv:
    """Reader of the text that the File Checksum Integrity Verifier writes. Lenient."""

    name = "fciv"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the comments at the beginning name the tool."""
        return head.lstrip().startswith(b"//") and _FCIV_NAME in head[:_FCIV_TITLE_BYTES]

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the length gives the algorithm
        """Yields an entry for each line, with one or two hashes, and the file's path as the label ``name``.

        Raises:
            ListError: the last line is truncated.
        """
        for number, line, ended in numbered_lines(stream):
            text = "" if line is None else _text(line).strip()
            if text.startswith("//") or _FCIV_TITLE.fullmatch(text):
                continue
            match = _FCIV_ROW.fullmatch(text)
            if match is None:
                yield Rejected(number, RejectReason.MALFORMED, "not one or two hashes and a path")
                continue
            first, second, name = match.groups()
            pairs = [(BY_HEX_LENGTH.get(len(one), UNNAMED), one) for one in (first, second) if one]
            yield refuse_truncated(
                number,
                entry_or_reject(number, pairs, labels={"name": name}, remarks=name_remarks(name, first, second or "")),
                ended=ended,
            )


class FcivXml:
    """Reader of the database of the File Checksum Integrity Verifier. Strict: a program wrote it."""

    name = "fciv-xml"
    strict = True

    def recognises(self, head: bytes) -> bool:
        """Returns whether the outermost element is that of the database."""
        return root_name(head) == "FCIV"

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - the elements name the algorithms
        """Yields an entry for each file, its path as the label ``name``.

        Raises:
            ListError: the file is truncated or damaged.
        """
        for number, file in records(stream, "FCIV", frozenset({"FILE_ENTRY"})):
            texts = {local_name(child).lower(): element_text(child) for child in file}
            pairs = [(name, _hex_of_base64(texts[name])) for name in ("md5", "sha1") if texts.get(name)]
            yield entry_or_reject(number, pairs, id=f"record {number}", labels={"name": texts.get("name", "")})


def _hex_of_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except ValueError:
        return text


_FCIV_NAME = b"File Checksum Integrity Verifier"
_FCIV_TITLE_BYTES = 400
_FCIV_TITLE = lazy_pattern(r"(?:MD5|SHA-?1|[-\s])*", re.IGNORECASE)
_FCIV_ROW = lazy_pattern(r"([0-9A-Fa-f]{32,40})\s+(?:([0-9A-Fa-f]{40})\s+)?(.+)")


def _text(line: bytes) -> str:
    return visible(line).decode("utf-8", "backslashreplace").rstrip("\r")


def _is_row(text: str) -> bool:
    return bool(text.strip()) and not _TABLE_HEADER.fullmatch(text) and not _TABLE_RULE.fullmatch(text)


def _row(number: int, text: str) -> ListEntry | Rejected:
    match = _TABLE_ROW.fullmatch(text)
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not an algorithm, a hash and a path")
    name, digits, cut, path = match.groups()
    if cut:
        return Rejected(number, RejectReason.WRONG_LENGTH, "the hash is cut by the width of the window")
    remarks = name_remarks(path, digits)
    return entry_or_reject(number, [(listed_name(name), digits)], labels={"name": path.strip()}, remarks=remarks)


def _record(number: int, record: dict[str, str]) -> ListEntry | Rejected:
    path = record.get("path", "")
    pairs = [(listed_name(record.get("algorithm", "")), record.get("hash", ""))]
    return entry_or_reject(number, pairs, labels={"name": path}, remarks=name_remarks(path, record.get("hash", "")))
