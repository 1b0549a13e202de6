from pathlib import Path

import pytest

from hashaudit.errors import UsageError
from hashaudit.model.entry import Consistency
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, Role
from hashaudit.scan.categories import named, scheme_named


def matched(**labels: str) -> EntryResult:
    match = Match(1, "1", AlgorithmName("md5"), MatchType.EXACT, Role.DENY, labels)
    return EntryResult(0, None, 0, Consistency.STABLE, {}, (match,))


def labels_of(examination: EntryResult) -> dict[str, str]:
    return examination.matches[0].labels


def test_a_name_is_added_to_the_category_and_changes_nothing_else() -> None:
    shown = named(matched(category="1", series="s"), scheme_named("vics-us"))
    assert labels_of(shown) == {"category": "1", "series": "s", "category_name": "Child Exploitation (Illegal)"}


@pytest.mark.parametrize("labels", [{}, {"category": "9"}, {"series": "1"}])
def test_what_the_scheme_does_not_name_stays_as_it_is(labels: dict[str, str]) -> None:
    examination = matched(**labels)
    assert labels_of(named(examination, scheme_named("vics-us"))) == labels
    assert named(examination, {}) is examination


def test_a_scheme_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "uk.json"
    path.write_text('\ufeff{"A": "grade A"}')
    assert labels_of(named(matched(classification="A"), scheme_named(str(path))))["classification_name"] == "grade A"


@pytest.mark.parametrize("content", ["", "[]", '{"1": 2}', "\ud800".encode(errors="surrogatepass")])
def test_what_is_no_scheme_is_refused(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "scheme.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError, match=r"scheme\.json"):
        scheme_named(str(path))


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="vics-us"):
        scheme_named("nowhere")
