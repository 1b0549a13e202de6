"""Every code that a scan reports has an explanation of its own."""

from enum import StrEnum

import pytest

from hashaudit import explanations
from hashaudit.exit_codes import ExitCode
from hashaudit.explanations import GROUPS, Code, find_codes
from hashaudit.model.entry import Consistency
from hashaudit.model.faults import FaultCode, SkipReason, Stage
from hashaudit.model.results import Caveat

SETS: dict[str, type[StrEnum]] = {
    "fault_code": FaultCode,
    "fault_stage": Stage,
    "skip_reason": SkipReason,
    "caveat": Caveat,
    "consistency": Consistency,
}
CODES = [(group.kind, code) for group in GROUPS for code in group.codes]


def test_every_member_of_every_set_is_explained() -> None:
    assert {group.kind: [code.code for code in group.codes] for group in GROUPS if group.kind in SETS} == {
        kind: [member.value for member in members] for kind, members in SETS.items()
    }
    assert [code.name for kind, code in CODES if kind == "exit_code"] == [code.name for code in ExitCode]
    assert set(explanations.EXIT_CODES) == set(ExitCode)


@pytest.mark.parametrize(("kind", "code"), CODES, ids=[f"{kind}-{code.code}" for kind, code in CODES])
def test_an_explanation_is_two_sentences_in_plain_words(kind: str, code: Code) -> None:
    assert find_codes(code.code.upper())
    for text in (code.meaning, code.action):
        assert text[0].isupper()
        assert text.endswith(".")
        assert len(text.split()) > 4, f"a stub in {kind}"
        assert "|" not in text, "it would break the table of the page"


def test_meanings_differ_within_a_group() -> None:
    for group in GROUPS:
        assert len({code.meaning for code in group.codes}) == len(group.codes)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("changed_while_read", ["fault_code", "caveat", "consistency"]),
        ("Worker-Crashed", ["fault_code"]),
        ("internal_error", ["exit_code", "fault_code"]),
        ("16", ["exit_code"]),
        ("130", ["exit_code"]),
        ("128+N", ["exit_code"]),
        ("128", []),
        ("193", []),
        ("", []),
        ("²", []),
    ],
)
def test_a_code_is_found_in_every_group_that_has_it(text: str, kinds: list[str]) -> None:
    assert [group.kind for group, _ in find_codes(text)] == kinds


def test_a_signal_has_its_own_exit_code_first() -> None:
    assert [code.name for _, code in find_codes("141")] == ["CLOSED_PIPE"]
    assert [code.name for _, code in find_codes("143")] == ["SIGNAL"]
