"""Filters of records: alternatives of one kind, all kinds together, and one list entry for what is about matches."""

from typing import Any

import msgspec
import pytest

from findings_lab import fault, record
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import AlgorithmName, Caveat, Match, MatchType, Role
from hashaudit.record.schema import FindingRecord, Member
from hashaudit.triage.record_filter import RecordFilter

NEAR = Match(1, "line 9", AlgorithmName("pdq"), MatchType.NEAR, Role.DENY, {"category": "B1"}, 12, 31)
EXACT = Match(
    1,
    "line 7",
    AlgorithmName("md5"),
    MatchType.EXACT,
    Role.DENY,
    {"category": "2", "category_name": "two", "name": "x"},
)


def finding() -> FindingRecord:
    made = record(b"dir/b.jpg", matches=[EXACT, NEAR], faults=[fault()])
    assert isinstance(made, FindingRecord)
    within = (Member(format="zip", name="in/c.png", ordinal=0),)
    return msgspec.structs.replace(
        made, needs_confirmation=(Caveat.MD5_ONLY,), entry=msgspec.structs.replace(made.entry, within=within)
    )


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        ({}, True),
        ({"lists": ("bad.txt",)}, True),
        ({"lists": ("1", "9")}, True),
        ({"lists": ("good.txt",)}, False),
        ({"labels": (("", "x"),)}, True),
        ({"labels": (("name", "?"),)}, True),
        ({"labels": (("category", "x"),)}, False),
        ({"categories": ("2",)}, True),
        ({"categories": ("B*",)}, True),
        ({"categories": ("3",)}, False),
        ({"max_distance": 0}, True),
        ({"max_distance": 11, "categories": ("B1",)}, False),
        ({"max_distance": 12, "categories": ("B1",)}, True),
        ({"caveats": (Caveat.MD5_ONLY, Caveat.LOW_QUALITY)}, True),
        ({"caveats": (Caveat.LOW_QUALITY,)}, False),
        ({"without_caveats": True}, False),
        ({"patterns": ("*.png",)}, True),
        ({"patterns": ("/srv/dir/b.jpg//*",)}, True),
        ({"patterns": ("b.jpg",)}, False),
        ({"patterns": ("/srv/*/c.png",)}, True),
        ({"fault_codes": (FaultCode.IO_ERROR,)}, True),
        ({"fault_codes": (FaultCode.TIMEOUT,)}, False),
        ({"member_kinds": ("zip", "tar")}, True),
        ({"member_kinds": ("tar",)}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], passes: bool) -> None:
    assert RecordFilter(**conditions).accepts(finding()) is passes
