"""Known files: which one a file is found as, and how it agrees."""

import hashlib

import pytest

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.manifest.known_files import Agreement, KnownFiles
from hashaudit.model.results import AlgorithmName

MD5, SHA256 = AlgorithmName("md5"), AlgorithmName("sha256")
BOTH = (MD5, SHA256)


def digests(content: bytes) -> dict[AlgorithmName, bytes]:
    return {name: hashlib.new(name, content).digest() for name in BOTH}


def entry(name: bytes, content: bytes, **others: bytes) -> ManifestEntry:
    changed = {AlgorithmName(key): value for key, value in others.items()}
    return ManifestEntry(name, digests(content) | changed, len(content))


def known(*entries: ManifestEntry, ignores_case: bool = False) -> KnownFiles:
    files = KnownFiles(ignores_case=ignores_case)
    files.add(entries)
    return files


@pytest.mark.parametrize(
    ("entries", "name", "agreement", "found"),
    [
        ((entry(b"a", b"x"),), b"a", Agreement.EXACT, b"a"),
        ((entry(b"b", b"x"), entry(b"a", b"x")), b"a", Agreement.EXACT, b"a"),
        ((entry(b"b", b"x"), entry(b"c", b"x")), b"a", Agreement.MOVED, b"b"),
        ((entry(b"a", b"y"),), b"a", Agreement.NONE, None),
        ((entry(b"a", b"x", sha256=b"\0" * 32),), b"a", Agreement.COLLISION, b"a"),
        ((entry(b"a", b"x", sha256=b"\0" * 32), entry(b"b", b"x")), b"a", Agreement.MOVED, b"b"),
        ((ManifestEntry(b"a", digests(b"x"), 9),), b"a", Agreement.COLLISION, b"a"),
        ((ManifestEntry(b"a", digests(b"x")),), b"a", Agreement.EXACT, b"a"),
        ((ManifestEntry(b"a", {SHA256: digests(b"x")[SHA256]}, 1),), b"a", Agreement.EXACT, b"a"),
        ((entry(b"A", b"x"),), b"a", Agreement.MOVED, b"A"),
        ((), b"a", Agreement.NONE, None),
    ],
)
def test_a_file_is_found_as_the_known_file_that_agrees_best(
    entries: tuple[ManifestEntry, ...], name: bytes, agreement: Agreement, found: bytes | None
) -> None:
    files = known(*entries)
    how, file = files.search(BOTH, digests(b"x"), 1, name)
    assert (how, None if file is None else file.name) == (agreement, found)
    assert len(files.unused()) == len(entries) - (found is not None)


def test_names_without_case() -> None:
    assert known(entry(b"A", b"x"), ignores_case=True).search(BOTH, digests(b"x"), 1, b"a")[0] is Agreement.EXACT
    assert known(entry(b"\xff", b"x"), ignores_case=True).search(BOTH, digests(b"x"), 1, b"a")[0] is Agreement.MOVED
