"""JSON records with hashes under the names that tables use, wherever they are in the text.

Such are the answers of AlienVault OTX, MalwareBazaar, ThreatFox and hashlookup, and the output of ``Get-FileHash |
ConvertTo-Json``. A record is an object with a hash under a known name, or with the kind of a value and the value.
"""

from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lists.algorithms import BY_HEX_LENGTH, UNDECIDED
from hashaudit.lists.column_names import SYNONYMS, field_of, typed_columns
from hashaudit.lists.entry_fields import (
    NOT_AN_OBJECT,
    UNKNOWN_KIND,
    entry_or_reject,
    is_placeholder,
    raw_digest,
)
from hashaudit.lists.hash_kinds import ANY_HASH, folded_name, kind_of_hash
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.json_values import Record, shape, text_of, values
from hashaudit.lists.syntax.lines import with_head
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, resolve
from hashaudit.model.results import AlgorithmName

_NOT_LABELS = frozenset({"hash", "algorithm", "id", "size"})


class JsonRecords:
    """Reader of JSON records. Lenient: most have fields and records that are not hashes."""

    name = "json"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether a value at the beginning is a hash under a known name, or has a kind beside it."""
        return _path(head) is not None

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:
        """Yields an entry for each record, or for each hash of an array of texts.

        Raises:
            ListError: the file is truncated or damaged, or the hashes show that they have another algorithm.
        """
        head, stream = with_head(stream)
        path = _path(options.outline or head) or ""
        return resolve(_items(stream, path, options.algorithm))


def _items(stream: BinaryIO, path: str, stated: AlgorithmName | None) -> Iterator[ListEntry | Rejected]:
    for number, value in values(stream, path):
        if isinstance(value, dict):
            yield _entry(number, value, stated)
        elif isinstance(value, str):
            yield _entry(number, {ANY_HASH: value}, stated)
        else:
            yield Rejected(number, RejectReason.MALFORMED, NOT_AN_OBJECT)


def _path(head: bytes) -> str | None:
    """Returns the path of the records: the shallowest that has hashes, the first of equal ones."""
    found: list[tuple[int, str]] = []
    keys: dict[str, list[str]] = {}
    for path, value in shape(head).items():
        parent, _, key = path.rpartition(".")
        keys.setdefault(parent, []).append(key)
        is_hex = (
            isinstance(value, str) and len(value.strip()) in BY_HEX_LENGTH and raw_digest(value.strip()) is not None
        )
        if is_hex and key == "item":
            found.append((path.count("."), path))
        elif is_hex and kind_of_hash(key) is not None:
            found.append((path.count("."), parent))
    for parent, names in keys.items():
        if typed_columns(names) is not None and parent.rpartition(".")[2] == "item":
            found.append((parent.count(".") + 1, parent))
    return min(found, key=lambda one: one[0])[1] if found else None


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
        is_hash = raw is not None and len(text) in BY_HEX_LENGTH
        return Rejected(number, RejectReason.UNSUPPORTED, UNKNOWN_KIND if is_hash else "not a hash of a file")
    if kind != ANY_HASH:
        return kind
    algorithm = None if raw is None else algorithm_of(len(raw), stated)
    if algorithm is None:
        return Rejected(number, RejectReason.MALFORMED if raw is None else RejectReason.WRONG_LENGTH, "not a hash")
    refuse_proved_other(number, algorithm, raw)
    return algorithm or UNDECIDED
