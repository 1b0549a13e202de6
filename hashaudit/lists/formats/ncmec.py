"""NCMEC's hash-sharing interface, version 2: one or several saved pages of entries, in any order.

Entries are not in order of time and a page has the latest state, so the latest timestamp of an id counts.

Source: NCMEC Hash Sharing API documentation, "entries"; facebook/ThreatExchange, its NCMEC client.
"""

from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO
from xml.etree.ElementTree import Element

from hashaudit.lists.algorithms import listed_name
from hashaudit.lists.entry_fields import entry_or_reject
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected
from hashaudit.lists.supersede import LatestRecords, withdrawn
from hashaudit.lists.syntax.xml_values import element_attribute, element_text, local_name, records, root_name

_ROOT = "queryResult"
_KINDS = {"image": False, "video": False, "deletedImage": True, "deletedVideo": True}
"""Element -> whether it withdraws an entry."""


class Ncmec:
    """Reader of saved pages. Lenient: members enter the hashes."""

    name = "ncmec"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the outermost element is a query result."""
        return root_name(head) == _ROOT

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each fingerprint names its algorithm
        """Yields an entry for each image or video that is not deleted.

        Raises:
            ListError: a page is truncated or damaged.
        """
        latest = LatestRecords()
        for number, element in records(stream, _ROOT, frozenset(_KINDS)):
            fields = {local_name(child): child for child in element}
            key = (element_attribute(fields.get("member"), "id"), element_text(fields.get("id")) or number)
            superseded = latest.put(
                key, number, [_item(number, element, fields)], element_text(fields.get("timestamp"))
            )
            if superseded is not None:
                yield superseded
        yield from latest.items()


def _item(number: int, element: Element, fields: dict[str, Element]) -> ListEntry | Rejected:
    kind = local_name(element)
    if _KINDS[kind]:
        return withdrawn(number)
    # Large fingerprints are stored elsewhere: such an element is empty and has a reference.
    hashes = [
        (listed_name(local_name(child)), element_text(child) or child.get("href", ""))
        for child in _children(fields, "fingerprints")
    ]
    classification = element_text(fields.get("classification"))
    labels = {
        "classification": classification,
        "classification_scheme": "ncmec" if classification else "",
        "media_type": kind,
        "source": element_text(fields.get("member")),
        **_feedback(_children(fields, "feedback")),
    }
    return entry_or_reject(
        number,
        hashes,
        id=element_text(fields.get("id")) or f"record {number}",
        labels=labels,
    )


def _children(fields: dict[str, Element], name: str) -> list[Element]:
    return list(fields[name]) if name in fields else []


def _feedback(votes_given: list[Element]) -> dict[str, str]:
    """Returns how many members agree or disagree, by fingerprint (``md5 2``), and the reasons that they give."""
    votes: dict[str, Counter[str]] = {"affirmativeFeedback": Counter(), "negativeFeedback": Counter()}
    reasons: set[str] = set()
    for vote in votes_given:
        counts = votes.get(local_name(vote))
        if counts is None:
            continue
        named = [local_name(child) for child in vote.iter()]
        counts[vote.get("type", "").lower()] += named.count("member")
        reasons.update(child.get("name", "") for child in vote.iter() if local_name(child) == "reason")
    return {
        "affirmative_feedback": _counted(votes["affirmativeFeedback"]),
        "negative_feedback": _counted(votes["negativeFeedback"]),
        "negative_feedback_reasons": "; ".join(sorted(reasons - {""})),
    }


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}".strip() for name, count in sorted(counts.items()))
