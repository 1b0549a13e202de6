"""Names of the columns and keys of tables and JSON records, and the fields that they are."""

from collections.abc import Sequence

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.hash_kinds import folded_name, kind_of_hash

SYNONYMS: dict[str, frozenset[str]] = {
    "hash": frozenset({"hash", "hashvalue", "digest", "checksum"}),
    "algorithm": frozenset({"algorithm", "algo", "alg", "hashtype", "hashalgorithm"}),
    "id": frozenset({"id", "uuid", "guid", "entryid", "mediaid", "imageid"}),
    "size": frozenset({"size", "filesize", "bytes", "sizebytes", "length", "mediasize"}),
    "name": frozenset({"name", "filename", "filepath", "path", "file"}),
    "category": frozenset({"category"}),
    "classification": frozenset({"classification", "severity"}),
    "series": frozenset({"series", "seriesname"}),
    "family": frozenset({"family", "malwarefamily", "signature"}),
    "score": frozenset({"score"}),
    "tlp": frozenset({"tlp"}),
    "tags": frozenset({"tags"}),
    "comment": frozenset({"comment", "comments", "description", "note", "notes"}),
}
"""Field -> names in use for its column, folded by :func:`hashaudit.lists.hash_kinds.folded_name`."""

_MAX_SHOWN_LENGTH = 60
_DIGITS = lazy_pattern(r"[0-9A-Fa-f]{7}")
"""Sign that a name may be a value, or hold one."""

_FIELDS = {synonym: field for field, synonyms in SYNONYMS.items() for synonym in synonyms}
_KIND_COLUMNS = (
    "indicatortype",
    "ioctype",
    "iocvaluetype",
    "observabletype",
    "attributetype",
    "hashtype",
    "datatype",
    "entitytype",
    "type",
    "kind",
    "indicator",
    "ioc",
)
"""Columns that give the kind of the value beside them, folded, the surest first."""

_VALUE_COLUMNS = (
    "indicatorvalue",
    "iocvalue",
    "observablevalue",
    "attributevalue",
    "data",
    "value",
    "indicator",
    "ioc",
    "observable",
    "content",
    "hash",
    "artifact",
    "indicators",
    "iocs",
)
"""Columns with the values, folded, the surest first."""


def shown_name(name: str) -> str | None:
    """Returns the name for a message; ``None`` if it may be a value by mistake, which must not be repeated."""
    shown = name.strip()
    can_be_shown = shown.isprintable() and 0 < len(shown) <= _MAX_SHOWN_LENGTH and not _DIGITS.search(shown)
    return shown if can_be_shown else None


def field_of(column: str) -> str | None:
    """Returns the field of a column with this name, or ``None`` if the name is unknown."""
    return _FIELDS.get(folded_name(column)) or kind_of_hash(column)


def typed_columns(names: Sequence[str]) -> tuple[int, int] | None:
    """Returns the columns of kinds and of values, by their names."""
    folded = [folded_name(name) for name in names]
    kind = next((folded.index(name) for name in _KIND_COLUMNS if name in folded), None)
    if kind is None:
        return None
    value = next((folded.index(name) for name in _VALUE_COLUMNS if name in folded and folded.index(name) != kind), None)
    return None if value is None else (kind, value)
