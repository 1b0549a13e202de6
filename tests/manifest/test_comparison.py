"""The outcome of every file, against a plain restatement of the rules."""

import hashlib
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.manifest.comparison import Comparison, Difference, Observed
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.results import AlgorithmName

MD5, SHA256 = AlgorithmName("md5"), AlgorithmName("sha256")


def entry(path: str, content: str, *algorithms: AlgorithmName, size: int | None = None) -> ManifestEntry:
    names = algorithms or (MD5, SHA256)
    return ManifestEntry(path.encode(), {name: digest(name, content) for name in names}, size)


def observed(path: str, content: str) -> Observed:
    return Observed(path.encode(), {name: digest(name, content) for name in (MD5, SHA256)}, len(content))


def digest(name: AlgorithmName, content: str) -> bytes:
    return hashlib.new(name, content.encode()).digest()


def compared(
    manifest: list[ManifestEntry], files: list[Observed], *, ignores_case: bool = False, present: tuple[bytes, ...] = ()
) -> tuple[int, list[Difference]]:
    comparison = Comparison(ignores_case=ignores_case)
    for one in manifest:
        comparison.expect(one.path, one)
    for file in files:
        comparison.observe(file)
    return comparison.matched, list(comparison.differences(lambda path: path in present))


def outcomes(*args: list[ManifestEntry] | list[Observed], **options: bool) -> dict[str, str]:
    _, differences = compared(*args, **options)  # type: ignore[arg-type] # the two lists
    return {os.fsdecode(one.path): str(one.outcome) for one in differences}


trees = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("1234"), max_size=8)


@given(trees, trees)
def test_every_file_has_one_outcome(before: dict[str, str], after: dict[str, str]) -> None:
    matched, differences = compared(
        [entry(f"/{path}", content) for path, content in before.items()],
        [observed(f"/{path}", content) for path, content in after.items()],
    )
    found = {os.fsdecode(one.path)[1:]: one for one in differences}
    assert len(found) == len(differences)
    assert [one.path for one in differences] == sorted(one.path for one in differences)
    same = {path for path in before if after.get(path) == before[path]}
    assert matched == len(same)
    assert not same & found.keys()
    gone = {path for path in before if path not in after}
    moved_from = {os.fsdecode(one.expected.path)[1:] for one in differences if one.outcome == "moved" and one.expected}
    for path in before.keys() & after.keys() - same:
        assert found[path].outcome is AuditOutcome.CHANGED
    for path in gone:
        assert (path in found) == (path not in moved_from)
        assert path not in found or found[path].outcome is AuditOutcome.MISSING
    for path in after.keys() - before.keys():
        one = found[path]
        if one.outcome is AuditOutcome.NEW:
            assert after[path] not in before.values()
        else:
            assert one.expected is not None
            origin = os.fsdecode(one.expected.path)[1:]
            assert before[origin] == after[path]
            assert one.outcome is (AuditOutcome.MOVED if path in _moved(differences) else AuditOutcome.COPIED)
    # As many files are moved as there are both lost and new names of a content.
    for content in "1234":
        lost = sum(before[path] == content for path in gone)
        gained = sum(after[path] == content for path in after.keys() - before.keys())
        moved = sum(after[path] == content for path in _moved(differences))
        assert moved == min(lost, gained)


def _moved(differences: list[Difference]) -> set[str]:
    return {os.fsdecode(one.path)[1:] for one in differences if one.outcome is AuditOutcome.MOVED}


def test_digests_that_disagree_are_a_conflict() -> None:
    mixed = ManifestEntry(b"/a", {MD5: digest(MD5, "x"), SHA256: digest(SHA256, "y")})
    assert outcomes([mixed], [observed("/a", "x")]) == {"/a": "conflict"}
    assert outcomes([entry("/a", "x", size=7)], [observed("/a", "x")]) == {"/a": "conflict"}
    assert outcomes([entry("/a", "x", size=7)], [observed("/a", "y")]) == {"/a": "changed"}


def test_a_manifest_that_contradicts_itself_is_a_conflict() -> None:
    assert outcomes([entry("/a", "x"), entry("/a", "y")], [observed("/a", "x")]) == {"/a": "conflict"}
    both = [entry("/a", "x", MD5), entry("/a", "x", SHA256)]
    assert outcomes(both, [observed("/a", "x")]) == {}


def test_an_entry_without_a_digest_is_not_compared() -> None:
    assert outcomes([ManifestEntry(b"/a", {})], [observed("/a", "x")]) == {"/a": "unreadable"}


def test_a_file_that_exists_and_was_not_examined_is_not_missing() -> None:
    _, (one,) = compared([entry("/a", "x")], [], present=(b"/a",))
    assert (one.outcome, one.note) == (AuditOutcome.UNREADABLE, "the file exists and was not examined")


def test_files_below_a_directory_that_was_not_listed_are_not_missing() -> None:
    comparison = Comparison()
    for path in ("/d/a", "/da"):
        comparison.expect(path.encode(), entry(path, "x"))
    comparison.fail_directory(b"/d")
    found = {one.path: str(one.outcome) for one in comparison.differences(lambda _: False)}
    assert found == {b"/d/a": "unreadable", b"/da": "missing"}


def test_a_file_that_failed_is_unreadable_and_nothing_else() -> None:
    comparison = Comparison()
    comparison.expect(b"/a", entry("/a", "x"))
    comparison.fail(b"/a")
    comparison.fail(b"/b")
    found = {one.path: str(one.outcome) for one in comparison.differences(lambda _: True)}
    assert found == {b"/a": "unreadable", b"/b": "unreadable"}


def test_a_file_with_the_same_name_is_the_origin() -> None:
    manifest = [entry("/1/a", "x"), entry("/1/b", "x")]
    (one,) = compared(manifest, [observed("/1/a", "x"), observed("/2/b", "x")])[1]
    assert one.expected is not None
    assert (one.outcome, one.expected.path) == (AuditOutcome.MOVED, b"/1/b")


COMPOSED, DECOMPOSED = (f"/{unicodedata.normalize(form, 'é')}" for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("content", "outcome"), [("x", "moved"), ("y", "changed")])
def test_another_normalisation_of_a_name_is_reported(content: str, outcome: str) -> None:
    (one,) = compared([entry(COMPOSED, "x")], [observed(DECOMPOSED, content)])[1]
    assert (str(one.outcome), one.path) == (outcome, DECOMPOSED.encode())
    assert one.note == "the name has another Unicode normalisation"


def test_case_is_ignored_on_request_only() -> None:
    manifest, files = [entry("/A/É", "x"), entry("/b", "x")], [observed("/a/é", "x"), observed("/B", "y")]
    assert outcomes(manifest, files, ignores_case=True) == {"/B": "changed"}
    assert outcomes(manifest, files) == {"/a/é": "moved", "/B": "new", "/b": "missing"}


def test_a_digest_of_another_strength_finds_the_content() -> None:
    assert outcomes([entry("/a", "x", MD5)], [observed("/b", "x")]) == {"/b": "moved"}


def test_members_below_a_container_that_was_not_opened_may_exist() -> None:
    comparison = Comparison()
    for name in (b"/r/a.zip!/b", b"/r/a.zip!/c.tar!/d", b"/r/b.zip!/e"):
        comparison.expect(name, ManifestEntry(name, {}))
    comparison.fail_directory(b"/r/a.zip!")
    found = {one.path: one.outcome for one in comparison.differences(lambda _: False)}
    assert found == {
        b"/r/a.zip!/b": AuditOutcome.UNREADABLE,
        b"/r/a.zip!/c.tar!/d": AuditOutcome.UNREADABLE,
        b"/r/b.zip!/e": AuditOutcome.MISSING,
    }


@pytest.mark.parametrize(("second", "expected"), [(b"1", []), (b"2", [AuditOutcome.CONFLICT])])
def test_members_of_one_name_are_one_entry(second: bytes, expected: list[AuditOutcome]) -> None:
    comparison = Comparison()
    digests = [{MD5: hashlib.md5(one).digest()} for one in (b"1", second)]
    for one in digests:
        comparison.expect(b"/r/a.zip!/b", ManifestEntry(b"a.zip!/b", one))
    for one in digests:
        comparison.observe(Observed(b"/r/a.zip!/b", one, 1))
    assert [one.outcome for one in comparison.differences(lambda _: False)] == expected
    assert comparison.matched == (0 if expected else 2)
