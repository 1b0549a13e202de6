"""Conversion of the fields of one record into an entry, or into the reason why it is not one."""

from binascii import Error, unhexlify
from collections.abc import Callable, Iterable

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.perceptual.hash_names import BITS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import (
    BY_HEX_LENGTH,
    LENGTHS_BYTES,
    MATCHED,
    NEVER_ENTRIES,
    SHA256,
    UNDECIDED,
    is_known_name,
)
from hashaudit.lists.empty_digests import EMPTY_INPUT_NAMES
from hashaudit.lists.flat_hashes import is_flat
from hashaudit.lists.hash_words import visible
from hashaudit.lists.interface import ListEntry, Rejected, RejectReason
from hashaudit.model.results import AlgorithmName, Role

_MAX_SIZE_DIGITS = 18
"""Number of decimal digits that always fit into 63 bits. No file system holds a larger file."""

_PLACEHOLDERS = frozenset(
    {"-", "--", "---", "?", "0", "n/a", "na", "n.a.", "none", "null", "nil", "nan", "unknown", "not available", "tbd"}
)
"""Texts that stand for an absent hash, in lower case."""

NO_HASH = "the record has no hash"
NOT_AN_OBJECT = "the record is not an object"
NOT_MARKED = "not marked for detection"
PIECE = "hashes of pieces of a file, not of files"
NOT_A_FILE_HASH = "not a hash of a file"
UNKNOWN_KIND = "what looks like a hash has an unknown kind"
OTHER_EMPTY = "the digest of empty input by another algorithm than the list names"
REPORTED_DETAILS = frozenset({NOT_MARKED, PIECE, UNKNOWN_KIND, OTHER_EMPTY})
"""Details of rejected records that become a warning."""

_SIZE_TOO_LARGE = "a size is over 63 bits and is not used"
_MAX_PLACEHOLDER_LENGTH = 20
_PLACEHOLDER = "a placeholder stands for a hash; the entry keeps its other hashes"
_SEVERAL = "a record has several hashes of one algorithm; only the first is read"
_ALL_ZERO = "an all-zero digest is a placeholder"


TOO_FEW_FIELDS = "fewer fields than the header"
WRONG_FOR_EVERY = "a hash of the length of no known algorithm"
NOT_HEX = "a hash is not hexadecimal"
_ODD = "a hash has an odd number of digits"
_WRONG_LENGTH = "a hash has the wrong length for"
_SIGNS_OF_TRUNCATION = (TOO_FEW_FIELDS, _ODD, _WRONG_LENGTH, WRONG_FOR_EVERY)
"""Beginnings of the details and remarks that a truncated line can cause."""


def raw_digest(text: str | bytes) -> bytes | None:
    """Returns the bytes of hex digits (either case, no separators), or ``None`` if ``text`` is not hex."""
    try:
        return unhexlify(text)
    except (Error, ValueError):
        return None


def _raw_value(algorithm: AlgorithmName, text: str | bytes) -> bytes | None:
    """Same as :func:`raw_digest`, also for an odd number of digits as in imagehash (``colorhash``, ``whash_db4``).

    Quotes, blanks and invisible characters around the digits are ignored.
    """
    digits = -(-BITS.get(algorithm, 0) // 4)
    if digits % 2 and len(text) == digits:
        text = f"0{text}" if isinstance(text, str) else b"0" + text
    raw = raw_digest(text)
    if raw is None:
        shown = visible(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        raw = raw_digest(shown.strip(b" \t\"'`").removeprefix(b"0x"))
    return raw


def looks_like_hash(text: str) -> bool:
    """Returns whether a text is hex digits in the number of a usual digest."""
    return len(text) in BY_HEX_LENGTH and raw_digest(text) is not None


def is_placeholder(text: str | bytes) -> bool:
    """Returns whether the text of a hash field stands for an absent hash."""
    if len(text) > _MAX_PLACEHOLDER_LENGTH:
        return False
    shown = text if isinstance(text, str) else label_text(text)
    return not shown.strip() or shown.strip().lower() in _PLACEHOLDERS


def label_text(raw: bytes) -> str:
    """Returns text for a label.

    UTF-8, with any other byte as a hexadecimal escape so that every label can be stored.
    """
    return raw.decode("utf-8", "backslashreplace")


def _size_and_remarks(size: str | bytes | int | None) -> tuple[int | None, tuple[str, ...]]:
    """Returns a size in bytes, and the remark about a number that is too large to be one."""
    if not size or isinstance(size, int):
        return (None if isinstance(size, str | bytes) else size), ()
    text = (size if isinstance(size, str) else label_text(size)).strip()
    if not (text.isascii() and text.isdecimal()):
        return None, ()
    digits = text.lstrip("0") or "0"
    return (int(digits), ()) if len(digits) <= _MAX_SIZE_DIGITS else (None, (_SIZE_TOO_LARGE,))


def check_digest(line: int, algorithm: AlgorithmName, raw: bytes | None) -> Rejected | None:
    """Returns the reject for a digest that must not be matched, or ``None``.

    The length is checked for known algorithms.
    """
    if raw is None:
        return Rejected(line, RejectReason.MALFORMED, NOT_HEX)
    if len(raw) != LENGTHS_BYTES.get(algorithm, len(raw)):
        return Rejected(line, RejectReason.WRONG_LENGTH, f"{_WRONG_LENGTH} {algorithm}")
    if is_flat(algorithm, raw):
        return Rejected(line, RejectReason.FLAT)
    if raw in EMPTY_INPUT_NAMES:
        is_other = EMPTY_INPUT_NAMES[raw] != (algorithm or SHA256)
        return Rejected(line, RejectReason.EMPTY_INPUT, OTHER_EMPTY if is_other else "")
    return Rejected(line, RejectReason.EMPTY_INPUT) if raw in NEVER_ENTRIES else None


def entry_or_reject(
    line: int,
    hashes: Iterable[tuple[str, str | bytes]],
    *,
    id: str | None = None,  # noqa: A002 - the field's name in ListEntry
    size: str | bytes | int | None = None,
    labels: dict[str, str] | None = None,
    role: Role | None = None,
    remarks: Iterable[str] = (),
    keep_good: bool = True,
) -> ListEntry | Rejected:
    """Builds an entry from (algorithm, hex text) pairs. A hash of empty input rejects the whole record.

    A bad hash does not invalidate the other hashes of its record: the entry has a remark. A flat perceptual hash is
    stored as unsupported. A placeholder (``n/a``, all zeros) is not a hash.

    Args:
        line: line or record number, for rejects and as the id where the list has none.
        hashes: names from the table of ``algorithms``; others are stored as unsupported. Empty texts are skipped.
        id: the list's own id.
        size: of the file, in bytes. A text that is not a number gives no size, a number over 63 bits a remark.
        labels: stored unchanged, without those whose text is empty.
        role: the entry's own role, if it has one.
        remarks: defects of the record that do not prevent the entry.
        keep_good: False if a bad hash rejects the record, because a program wrote all its hashes.
    """
    digests: dict[AlgorithmName, bytes] = {}
    unsupported: dict[str, str] = {}
    flat: Rejected | None = None
    zero: Rejected | None = None
    bad: list[Rejected] = []
    absent = several = False
    for name, text in hashes:
        if len(text) <= _MAX_PLACEHOLDER_LENGTH and is_placeholder(text):
            absent = absent or bool(text and text.strip())
            continue
        if name not in MATCHED:
            unsupported[name] = text if isinstance(text, str) else label_text(text)
            continue
        algorithm = AlgorithmName(name)
        raw = _raw_value(algorithm, text)
        reject = check_digest(line, algorithm, raw)
        if raw is not None and raw[:1] == b"\0" and not any(raw) and _is_whole_digest(algorithm, raw):
            zero = Rejected(line, RejectReason.UNSUPPORTED, _ALL_ZERO)
        elif reject is not None and reject.reason is RejectReason.FLAT:
            flat = reject
            unsupported[name] = text if isinstance(text, str) else label_text(text)
        elif reject is not None and reject.reason is RejectReason.EMPTY_INPUT:
            return reject
        elif reject is not None or raw is None:
            bad.append(or_odd_digits(text, reject or Rejected(line, RejectReason.MALFORMED)))
        elif digests.setdefault(algorithm, raw) != raw:
            several = True
    if bad and not keep_good:
        return bad[0]
    if not digests:
        return bad[0] if bad else flat or zero or _without_digest(line, unsupported)
    size_bytes, size_remarks = _size_and_remarks(size)
    if size_remarks or bad or absent or zero or several:
        kept = map(bad_hash_remark, bad)
        remarks = (*remarks, *size_remarks, *kept, *([_PLACEHOLDER] if absent or zero else []))
        remarks = (*remarks, *([_SEVERAL] if several else []))
    return ListEntry(
        id=id or f"line {line}",
        digests=digests,
        size=size_bytes,
        labels={label: text for label, text in labels.items() if text} if labels else {},
        role=role,
        unsupported=unsupported,
        remarks=tuple(remarks),
    )


def bad_hash_remark(reject: Rejected) -> str:
    """Returns the remark of an entry that has a bad hash beside good ones."""
    return f"{reject.detail}; the entry keeps its other hashes"


def refuse_truncated(line: int, item: ListEntry | Rejected, *, ended: bool) -> ListEntry | Rejected:
    """Returns the item, unless the list seems to be truncated inside its last line.

    A truncated line has a shorter run of hex, or too few fields. Other text without a line end is whole.

    Args:
        line: number of the item's line.
        item: the result of parsing the line.
        ended: whether the line has a line end.

    Raises:
        ListError: the line has no line end, and a hash of the wrong length or too few fields.
    """
    if not ended and has_sign_of_truncation(item):
        raise ListError(f"line {line}: the last line is truncated", hint="get the list again")
    return item


def has_sign_of_truncation(item: ListEntry | Rejected) -> bool:
    """Returns whether an item of a line without a line end is what a truncated line gives."""
    if isinstance(item, Rejected):
        cut = item.reason in (RejectReason.WRONG_LENGTH, RejectReason.TOO_LONG)
        return cut or item.detail.startswith(_SIGNS_OF_TRUNCATION)
    return any(remark.startswith(_SIGNS_OF_TRUNCATION) for remark in item.remarks)


def _is_whole_digest(algorithm: AlgorithmName, raw: bytes) -> bool:
    return algorithm == UNDECIDED or (algorithm in DIGESTS and len(raw) == LENGTHS_BYTES[algorithm])


def item_of(
    number: int,
    record: dict[str, object] | None,
    parse: Callable[[int, dict[str, object]], ListEntry | Rejected],
) -> ListEntry | Rejected:
    """Returns the item of a JSON record, the reject if there is ``None`` in place of an object."""
    return Rejected(number, RejectReason.MALFORMED, NOT_AN_OBJECT) if record is None else parse(number, record)


def or_odd_digits(text: str | bytes, reject: Rejected) -> Rejected:
    """Returns the reject with its detail, if the text is hex but half a byte is missing."""
    odd = len(text) % 2 and raw_digest(text[:-1]) is not None
    return Rejected(reject.line, reject.reason, _ODD) if odd else reject


def _without_digest(line: int, unsupported: dict[str, str]) -> Rejected:
    if unsupported:
        known = sorted(name for name in unsupported if is_known_name(name))
        return Rejected(line, RejectReason.UNSUPPORTED, ", ".join(known) or "hashes that are not supported")
    return Rejected(line, RejectReason.UNSUPPORTED, NO_HASH)
