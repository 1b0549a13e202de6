"""Bounds on the length of one result in an answer."""

import msgspec

from hashaudit.model.results import EntryResult, Match, Role
from hashaudit.workers.protocol import ENCODER, MAX_LABEL_CHARACTERS, MAX_MATCHES

LABELS_OMITTED = {"labels": "omitted: too long for one record"}

FEW_VALUES = 8
SHORT_RESULT_BYTES = 4096
"""Assumed for a result with fewer than :data:`FEW_VALUES` values, which is not measured, to save time."""


def result_length(result: EntryResult) -> int:
    """Returns about how long a result is in the answer, bytes; exactly only if it may be long."""
    if len(result.matches) + len(result.perceptual) + len(result.faults) < FEW_VALUES:
        # One list entry has bounded labels, because they fit into a line of the list.
        return SHORT_RESULT_BYTES
    return len(ENCODER.encode(result))


def bounded_matches(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    """Returns as many matches as a record can hold, deny matches first."""
    if len(matches) > MAX_MATCHES:
        matches = tuple(sorted(matches, key=lambda match: match.role is not Role.DENY)[:MAX_MATCHES])
    kept = []
    left = MAX_LABEL_CHARACTERS
    for match in matches:
        left -= sum(len(name) + len(value) for name, value in match.labels.items())
        kept.append(match if left >= 0 else msgspec.structs.replace(match, labels=LABELS_OMITTED))
    return tuple(kept)
