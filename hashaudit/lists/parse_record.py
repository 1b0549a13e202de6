"""From the hashes that one record gives to an entry, or to the reason why it is none."""

from binascii import Error, unhexlify
from collections.abc import Iterable

from hashaudit.content.perceptual.hash_names import BITS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES, MATCHED, NEVER_ENTRIES
from hashaudit.lists.flat_hashes import is_flat
from hashaudit.lists.interface import ListEntry, Rejected, RejectReason
from hashaudit.model.results import AlgorithmName, Role

_MAX_SIZE_DIGITS = 20
"""2^64 has twenty."""


def raw_digest(text: str | bytes) -> bytes | None:
    """The bytes that hex digits (either case, nothing between them) stand for, or ``None``."""
    try:
        return unhexlify(text)
    except (Error, ValueError):
        return None


def _raw_value(algorithm: AlgorithmName, text: str | bytes) -> bytes | None:
    """As :func:`raw_digest`, also where imagehash writes an odd number of digits (``colorhash``, ``whash_db4``)."""
    digits = -(-BITS.get(algorithm, 0) // 4)
    if digits % 2 and len(text) == digits:
        text = f"0{text}" if isinstance(text, str) else b"0" + text
    return raw_digest(text)


def label_text(raw: bytes) -> str:
    """Text for a label: UTF-8, its other bytes written as hexadecimal escapes, so that every label can be stored."""
    return raw.decode("utf-8", "backslashreplace")


def size_or_none(text: str) -> int | None:
    """The number of bytes that ``text`` gives in decimal, or ``None``."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_SIZE_DIGITS else None


def checked(line: int, algorithm: AlgorithmName, raw: bytes | None) -> Rejected | None:
    """Says why a digest is not to be matched, or ``None`` if it is. An unknown ``algorithm`` has no length to check."""
    if raw is None:
        return Rejected(line, RejectReason.MALFORMED, "a hash that is not hex digits")
    if len(raw) != LENGTHS_BYTES.get(algorithm, len(raw)):
        return Rejected(line, RejectReason.WRONG_LENGTH, f"a hash that has not the length of {algorithm}")
    if is_flat(algorithm, raw):
        return Rejected(line, RejectReason.FLAT)
    if raw in NEVER_ENTRIES:
        return Rejected(line, RejectReason.EMPTY_INPUT)
    return None


def entry_or_reject(
    line: int,
    hashes: Iterable[tuple[str, str | bytes]],
    *,
    id: str | None = None,  # noqa: A002 - the field's name in ListEntry
    size: int | None = None,
    labels: dict[str, str] | None = None,
    role: Role | None = None,
) -> ListEntry | Rejected:
    """Makes an entry of (algorithm, hex text) pairs. One bad hash, or one of empty input, is enough to drop the record.

    A flat perceptual hash says nothing against the others of its record: it is carried, as an unsupported one is.

    Args:
        line: line or record number, for rejects and as the id where the list has none.
        hashes: names from the table of ``algorithms``; others are carried as unsupported. Empty texts are passed over.
        id: the list's own id.
        size: bytes.
        labels: kept as they are.
        role: where the entry states its own.
    """
    digests: dict[AlgorithmName, bytes] = {}
    unsupported: dict[str, str] = {}
    flat: Rejected | None = None
    for name, text in hashes:
        if not text:
            continue
        if name not in MATCHED:
            unsupported[name] = text if isinstance(text, str) else label_text(text)
            continue
        algorithm = AlgorithmName(name)
        raw = _raw_value(algorithm, text)
        reject = checked(line, algorithm, raw)
        if reject is not None and reject.reason is RejectReason.FLAT:
            flat = reject
            unsupported[name] = text if isinstance(text, str) else label_text(text)
            continue
        if reject is not None or raw is None:
            return reject or Rejected(line, RejectReason.MALFORMED)
        digests[algorithm] = raw
    if not digests:
        return flat or _without_digest(line, unsupported)
    return ListEntry(
        id=id or f"line {line}", digests=digests, size=size, labels=labels or {}, role=role, unsupported=unsupported
    )


def refuse_cut(line: int, item: ListEntry | Rejected, *, ended: bool) -> ListEntry | Rejected:
    """Gives the item back, unless it is what a list looks like that was cut inside its last line.

    Args:
        line: the item's.
        item: what the line became.
        ended: the end of the line was there.

    Raises:
        ListError: the line is no entry and has no end.
    """
    passed = (RejectReason.EMPTY_INPUT, RejectReason.FLAT, RejectReason.UNSUPPORTED)
    if not ended and isinstance(item, Rejected) and item.reason not in passed:
        raise ListError(f"line {line}: the last line is cut short; get the list again")
    return item


def _without_digest(line: int, unsupported: dict[str, str]) -> Rejected:
    if unsupported:
        return Rejected(line, RejectReason.UNSUPPORTED, ", ".join(sorted(unsupported)))
    return Rejected(line, RejectReason.MALFORMED, "no hash")
