"""The hashes of a value whose algorithm a kind beside it, the user or its length gives."""

from hashaudit.lists.algorithms import LENGTHS_BYTES, SHA256, UNDECIDED
from hashaudit.lists.entry_fields import (
    NOT_A_FILE_HASH,
    NOT_HEX,
    UNKNOWN_KIND,
    is_placeholder,
    looks_like_hash,
    or_odd_digits,
    raw_digest,
)
from hashaudit.lists.hash_kinds import ANY_HASH, kind_of_hash
from hashaudit.lists.hash_words import hash_words, visible
from hashaudit.lists.interface import Rejected, RejectReason
from hashaudit.lists.untagged import algorithm_of, refuse_proved_other, wrong_length
from hashaudit.model.results import AlgorithmName

Pairs = list[tuple[str, str]]
"""Algorithm and hex text of each hash."""


def hashes_of_value(number: int, text: str, named: str | None, stated: AlgorithmName | None) -> Pairs | Rejected:
    """Returns the hashes of a value whose algorithm a kind, the user or the length gives."""
    kind = ANY_HASH if named is None or is_placeholder(named) else kind_of_hash(named)
    # ``filename|hash`` of MISP
    tail = text.rpartition("|")[2].strip()
    text = tail if raw_digest(tail) else text
    if kind is None:
        detail = UNKNOWN_KIND if looks_like_hash(text) else NOT_A_FILE_HASH
        return Rejected(number, RejectReason.UNSUPPORTED, detail)
    if kind != ANY_HASH:
        return hashes_of_cell(kind, text)
    raw = raw_digest(text)
    if raw is None:
        words = hash_words(visible(text.encode("utf-8", "replace")), stated)
        if not words.hashes:
            return or_odd_digits(text, Rejected(number, RejectReason.MALFORMED, NOT_HEX))
        return [(word.algorithm, word.digits.decode("ascii")) for word in words.hashes]
    algorithm = algorithm_of(len(raw), stated)
    if algorithm is None:
        return Rejected(number, RejectReason.WRONG_LENGTH, wrong_length(stated))
    refuse_proved_other(number, algorithm, raw)
    return [(algorithm, text)]


def hashes_of_cell(name: str, text: str) -> Pairs:
    """Returns the hashes of a value with a known algorithm: usually one, or several with separators between them."""
    length = LENGTHS_BYTES.get(AlgorithmName(name))
    if length is None or len(text) <= 2 * length:
        return [(name, text)]
    words = hash_words(visible(text.encode("utf-8", "replace")), AlgorithmName(name))
    return [(name, word.digits.decode("ascii")) for word in words.hashes] or [(name, text)]


def records_of(pairs: Pairs) -> list[Pairs]:
    """Returns the hashes of one record as those of one file; further hashes of one algorithm are those of others."""
    if len(pairs) <= 1:
        return [pairs]
    first: dict[str, str] = {}
    more: list[Pairs] = []
    named = any(name == SHA256 for name, _ in pairs)
    for given, text in pairs:
        name = SHA256 if named and given == UNDECIDED else given
        if name not in first or is_placeholder(first[name]):
            first[name] = text
        elif not is_placeholder(text) and first[name].lower() != text.lower():
            more.append([(name, text)])
    return [list(first.items()), *more]
