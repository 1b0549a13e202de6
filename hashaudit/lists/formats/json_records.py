"""JSON records with hashes under the names that tables use, wherever they are in the text.

Such are the answers of AlienVault OTX, MalwareBazaar, ThreatFox and hashlookup, and the output of ``Get-FileHash |
ConvertTo-Json``. A record is an object with a hash under a known name, or with the kind of a value and the value.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH, UNDECIDED
from hashaudit.lists.column_names import SYNONYMS, field_of, shown_name, typed_columns
from hashaudit.lists.entry_fields import (
    NOT_A_FILE_HASH,
    NOT_AN_OBJECT,
    UNKNOWN_KIND,
    entry_or_reject,
    is_placeholder,
    looks_like_hash,
    raw_digest,
)
from hashaudit.lists.hash_kinds import ANY_HASH, folded_name, kind_of_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason, Remark
from hashaudit.lists.syntax.json_values import Record, shape, text_of, values, values_at
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, resolve
from hashaudit.model.results import AlgorithmName

_SHORTEST_HEX = min(BY_HEX_LENGTH)

_OTHER_MEANINGS = frozenset(
    {
        "uuid",
        "guid",
        "key",
        "etag",
        "token",
        "nonce",
        "commit",
        "thumbprint",
        "fingerprint",
        "serialnumber",
        "ja3",
        "ja3s",
    }
    | {"jarm", "serial", "session", "revision"}
)
"""Names of fields, folded, whose hex digits are not the hash of a file."""

_NOT_LABELS = frozenset({"hash", "algorithm", "id", "size"})


class JsonRecords:
    """Reader of JSON records. Lenient: most have fields and records that are not hashes."""

    name = "json"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether a value at the beginning is a hash under a known name, or has a kind beside it."""
        return bool(_paths(head))

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each record, or for each hash of an array of texts.

        Raises:
            ListError: the file is truncated or damaged, or the hashes show that they have another algorithm.
        """
        head, stream = with_head(stream)
        return resolve(_items(stream, _paths(options.outline or head), options.algorithm))


def _items(
    stream: BinaryIO, paths: frozenset[str], stated: AlgorithmName | None
) -> Iterator[ListEntry | Rejected | Remark]:
    found: Iterator[tuple[str, object]]
    if len(paths) == 1:
        (only,) = paths
        # One path is read several times faster than several.
        found = ((only, value) for _, value in values(stream, only))
    else:
        found = values_at(stream, paths)
    for number, (path, value) in enumerate(found, 1):
        if isinstance(value, dict):
            yield from _unread(number, value)
            yield _entry(number, value, stated)
        elif isinstance(value, str):
            # An array of texts may have the name of their algorithm.
            kind = kind_of_hash(path.removesuffix(".item").rpartition(".")[2])
            yield _entry(number, {kind or ANY_HASH: value}, stated)
        else:
            yield Rejected(number, RejectReason.MALFORMED, NOT_AN_OBJECT)


def _unread(number: int, record: Record) -> Iterator[Remark]:
    """Yields a remark for each field with what looks like a hash, under a name that is not that of a hash."""
    if not any(isinstance(value, str) and len(value) >= _SHORTEST_HEX for value in record.values()):
        return
    names = list(record)
    typed = typed_columns(names)
    read = set() if typed is None else {names[typed[1]]}
    hashes = {text_of(value).lower() for name, value in record.items() if field_of(name) is not None or name in read}
    for name, value in record.items():
        if isinstance(value, str) and looks_like_hash(value.strip()) and value.strip().lower() not in hashes:
            if folded_name(name) in _OTHER_MEANINGS:
                continue
            shown = shown_name(name)
            field = "a field" if shown is None else f"field '{shown}'"
            yield Remark(number, f"{field} holds what looks like hashes, which are not read")


def _paths(head: bytes) -> frozenset[str]:
    """Returns the paths of the records: all that have hashes and are not inside another."""
    found: set[str] = set()
    keys: dict[str, list[str]] = {}
    for path, value in shape(head).items():
        parent, _, key = path.rpartition(".")
        keys.setdefault(parent, []).append(key)
        if isinstance(value, str) and looks_like_hash(value.strip()):
            if key == "item":
                found.add(path)
            elif kind_of_hash(key) is not None:
                found.add(parent)
    for parent, names in keys.items():
        if typed_columns(names) is not None and parent.rpartition(".")[2] == "item":
            found.add(parent)
    return frozenset(path for path in found if not any(_is_inside(path, other) for other in found - {path}))


def _is_inside(path: str, other: str) -> bool:
    return not other or path.startswith(f"{other}.")


def _entry(number: int, record: Record, stated: AlgorithmName | None) -> ListEntry | Rejected:
    pairs: list[tuple[str, str]] = []
    labels: dict[str, str] = {}
    fields: dict[str, str] = {}
    for key, value in record.items():
        text, field = text_of(value), field_of(key)
        if isinstance(value, dict | list) or not text:
            continue
        if field is not None and field not in SYNONYMS:
            pairs.append((field, text))
        elif field in _NOT_LABELS:
            fields.setdefault(field, text)
        else:
            labels.setdefault(field or "_".join(key.lower().split()), text)
    named = fields.get("algorithm")
    bare = fields.get("hash")
    names = list(record)
    typed = typed_columns(names) if not pairs else None
    if typed is not None and text_of(record[names[typed[1]]]):
        named, bare = text_of(record[names[typed[0]]]), text_of(record[names[typed[1]]])
        labels = {name: text for name, text in labels.items() if text != bare}
    if bare is not None and not is_placeholder(bare):
        algorithm = _algorithm(number, bare, named, stated)
        if isinstance(algorithm, Rejected):
            return algorithm
        pairs.append((algorithm, bare.rpartition("|")[2]))
    return entry_or_reject(
        number,
        pairs,
        id=fields.get("id") or f"record {number}",
        size=fields.get("size"),
        labels={name: text for name, text in labels.items() if folded_name(name)},
    )


def _algorithm(number: int, text: str, named: str | None, stated: AlgorithmName | None) -> str | Rejected:
    kind = ANY_HASH if named is None or is_placeholder(named) else kind_of_hash(named)
    raw = raw_digest(text)
    if kind is None:
        return Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND if looks_like_hash(text) else NOT_A_FILE_HASH)
    if kind != ANY_HASH:
        return kind
    algorithm = None if raw is None else algorithm_of(len(raw), stated)
    if algorithm is None:
        return Rejected(number, RejectReason.MALFORMED if raw is None else RejectReason.WRONG_LENGTH, "not a hash")
    refuse_proved_other(number, algorithm, raw)
    return algorithm or UNDECIDED
