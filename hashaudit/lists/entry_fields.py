"""Conversion of the fields of one record into an entry, or into the reason why it is not one."""

from binascii import Error, unhexlify
from collections.abc import Iterable

from hashaudit.content.perceptual.hash_names import BITS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES, MATCHED, NEVER_ENTRIES
from hashaudit.lists.flat_hashes import is_flat
from hashaudit.lists.interface import ListEntry, Rejected, RejectReason
from hashaudit.model.results import AlgorithmName, Role

_MAX_SIZE_DIGITS = 20
"""Number of decimal digits of 2^64."""


def raw_digest(text: str | bytes) -> bytes | None:
    """Returns the bytes of hex digits (either case, no separators), or ``None`` if ``text`` is not hex."""
    try:
        return unhexlify(text)
    except (Error, ValueError):
        return None


def _raw_value(algorithm: AlgorithmName, text: str | bytes) -> bytes | None:
    """Same as :func:`raw_digest`, also for an odd number of digits as in imagehash (``colorhash``, ``whash_db4``)."""
    digits = -(-BITS.get(algorithm, 0) // 4)
    if digits % 2 and len(text) == digits:
        text = f"0{text}" if isinstance(text, str) else b"0" + text
    return raw_digest(text)


def label_text(raw: bytes) -> str:
    """Returns text for a label.

    UTF-8, with any other byte as a hexadecimal escape so that every label can be stored.
    """
    return raw.decode("utf-8", "backslashreplace")


def size_or_none(text: str) -> int | None:
    """Returns the decimal number of bytes in ``text``, or ``None``."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_SIZE_DIGITS else None


def check_digest(line: int, algorithm: AlgorithmName, raw: bytes | None) -> Rejected | None:
    """Returns the reject for a digest that must not be matched, or ``None``.

    The length is checked for known algorithms.
    """
    if raw is None:
        return Rejected(line, RejectReason.MALFORMED, "a hash is not hexadecimal")
    if len(raw) != LENGTHS_BYTES.get(algorithm, len(raw)):
        return Rejected(line, RejectReason.WRONG_LENGTH, f"a hash has the wrong length for {algorithm}")
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
    """Builds an entry from (algorithm, hex text) pairs. One bad hash, or one of empty input, rejects the whole record.

    A flat perceptual hash does not invalidate the other hashes of its record: it is stored as unsupported.

    Args:
        line: line or record number, for rejects and as the id where the list has none.
        hashes: names from the table of ``algorithms``; others are stored as unsupported. Empty texts are skipped.
        id: the list's own id.
        size: of the file, in bytes.
        labels: stored unchanged.
        role: the entry's own role, if it has one.
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
        reject = check_digest(line, algorithm, raw)
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


def refuse_truncated(line: int, item: ListEntry | Rejected, *, ended: bool) -> ListEntry | Rejected:
    """Returns the item, unless the list seems to be truncated inside its last line.

    Args:
        line: number of the item's line.
        item: the result of parsing the line.
        ended: whether the line has a line end.

    Raises:
        ListError: the line is not an entry and has no line end.
    """
    whole = (RejectReason.EMPTY_INPUT, RejectReason.FLAT, RejectReason.UNSUPPORTED)
    if not ended and isinstance(item, Rejected) and item.reason not in whole:
        raise ListError(f"line {line}: the last line is truncated", hint="get the list again")
    return item


def _without_digest(line: int, unsupported: dict[str, str]) -> Rejected:
    if unsupported:
        return Rejected(line, RejectReason.UNSUPPORTED, ", ".join(sorted(unsupported)))
    return Rejected(line, RejectReason.MALFORMED, "no hash")
