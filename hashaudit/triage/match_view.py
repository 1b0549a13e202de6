"""Sums up the matches of a finding in a few words."""

from collections.abc import Iterable

import msgspec

from hashaudit.model.results import AlgorithmName, MatchType, Role
from hashaudit.record.schema import FindingRecord, Match

CATEGORY_LABELS = ("category", "classification")
"""Labels that hold the category of a list entry, in the lists' own words."""


CATEGORY_FIELDS = {*CATEGORY_LABELS, "category_name", "category_scheme"}
"""Labels about the category, which :func:`category_text` sums up."""


class Agreement(msgspec.Struct, frozen=True):
    """All matches of a file with one list entry."""

    list_name: str
    list_number: int
    entry: str
    role: Role
    exact: tuple[AlgorithmName, ...]
    """Digests that agree, and perceptual hashes that are equal."""
    near: Match | None
    """The nearest match that is not exact."""
    labels: dict[str, str]

    @property
    def distance(self) -> int:
        """Distance of the nearest match; an exact match has 0."""
        return 0 if self.exact or self.near is None or self.near.distance is None else self.near.distance

    @property
    def text(self) -> str:
        """``md5 + sha1``, or ``pdq 4 of 31``."""
        parts = [" + ".join(self.exact)] if self.exact else []
        if self.near is not None:
            parts.append(f"{self.near.algorithm} {self.near.distance} of {self.near.threshold}")
        return ", ".join(parts)

    @property
    def category(self) -> str | None:
        """The category of the list entry with its name, if the list gives one."""
        return category_text(self.labels)


def category(labels: dict[str, str]) -> str | None:
    """Returns the category among the labels of a match."""
    return next((labels[name] for name in CATEGORY_LABELS if name in labels), None)


def deny_matches(record: FindingRecord) -> tuple[Match, ...]:
    """Returns the matches that make the record a finding, nearest first."""
    return tuple(match for match in record.matches if match.role is Role.DENY)


def agreements(matches: Iterable[Match]) -> list[Agreement]:
    """Returns the matches by list entry, in the order of each entry's first match."""
    groups: dict[tuple[int, str], list[Match]] = {}
    for match in matches:
        groups.setdefault((match.list_entry.number, match.list_entry.entry), []).append(match)
    return [_agreement(group) for group in groups.values()]


def category_text(labels: dict[str, str]) -> str | None:
    """Returns the category with its name, if the scan had a category scheme: ``2: name``."""
    found, name = category(labels), labels.get("category_name")
    return found if found is None or name is None else f"{found}: {name}"


def labels_text(labels: dict[str, str]) -> str:
    """Returns labels as one text: ``category 1: name; comment: demo``. The name of the category scheme is omitted."""
    found = category_text(labels)
    rest = [f"{name}: {value}" for name, value in labels.items() if name not in CATEGORY_FIELDS]
    return "; ".join([f"category {found}", *rest] if found is not None else rest)


def _agreement(group: list[Match]) -> Agreement:
    first = group[0]
    exact = dict.fromkeys(match.algorithm for match in group if match.type is MatchType.EXACT)
    near = [match for match in group if match.type is MatchType.NEAR]
    labels = {name: value for match in reversed(group) for name, value in match.labels.items()}
    return Agreement(
        first.list_entry.name,
        first.list_entry.number,
        first.list_entry.entry,
        first.role,
        tuple(sorted(exact)),
        min(near, key=lambda match: match.distance or 0, default=None),
        labels,
    )
