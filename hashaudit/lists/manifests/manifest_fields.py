"""Conversion of the fields of one line of a manifest."""

from collections.abc import Iterable

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import algorithm_named
from hashaudit.lists.entry_fields import raw_digest
from hashaudit.model.results import AlgorithmName


def digests_of(line: int, pairs: Iterable[tuple[str, str | bytes]]) -> dict[AlgorithmName, bytes]:
    """Returns the digests that this program computes, from pairs of a name and hex digits. Empty texts are skipped.

    Raises:
        ListError: a digest is not hex, or has another length than its algorithm.
    """
    digests: dict[AlgorithmName, bytes] = {}
    for name, text in pairs:
        algorithm = algorithm_named(name)
        if algorithm is None or algorithm not in DIGESTS or not text:
            continue
        raw = raw_digest(text)
        if raw is None or len(raw) != DIGESTS[algorithm].length_bytes:
            raise malformed(line, f"a digest that is not of {algorithm}")
        digests[algorithm] = raw
    return digests


def malformed(line: int, what: str) -> ListError:
    """Returns the error about a line that is not an entry.

    Args:
        line: its number, from 1.
        what: its defect; never a part of the line.
    """
    return ListError(f"line {line}: {what}", hint="make the manifest again; a damaged one would hide files")
