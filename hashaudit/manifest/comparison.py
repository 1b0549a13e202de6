"""Compares the files of a tree with the entries of a manifest."""

import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.results import AlgorithmName

SIZE_DISAGREES = "the digests agree and the size does not"
DIGESTS_DISAGREE = "some digests agree and others do not"
MANIFEST_DISAGREES = "the manifest has several entries of this path, which disagree"
NO_COMMON_DIGEST = "the manifest has no digest that can be compared"
NOT_EXAMINED = "the file exists and was not examined"
MAY_EXIST = "it may exist, in what was not examined completely"
NAME_NORMALISED = "the name has another Unicode normalisation"
NAME_CASE = "the name has another case"


_SLASH = ord("/")


class Observed(msgspec.Struct, frozen=True):
    """A file of the tree."""

    path: bytes
    digests: dict[AlgorithmName, bytes]
    size: int | None
    """Bytes; ``None`` if it is not known."""


class Difference(msgspec.Struct, frozen=True):
    """A file whose outcome is not ``matched``."""

    outcome: AuditOutcome
    path: bytes
    """Absolute path in the tree; of a missing file, its expected path."""
    expected: ManifestEntry | None = None
    observed: Observed | None = None
    note: str | None = None


class Comparison:
    """Compares one tree with one manifest. Entries come first, then files, then the result.

    Holds the entries, and the files that the manifest does not have.

    Args:
        ignores_case: names that differ only in case are equal.
    """

    def __init__(self, *, ignores_case: bool = False) -> None:
        self._ignores_case = ignores_case
        self._expected: dict[bytes, ManifestEntry] = {}
        self._contradictory: set[bytes] = set()
        self._met: set[bytes] = set()
        """Expected paths that have their outcome."""
        self._differences: list[Difference] = []
        self._extra: list[Observed] = []
        self._unlisted: set[bytes] = set()
        """Directories that could not be listed, and containers that were not opened, without a slash at the end."""
        self.matched = 0
        """Number of files that agree with the manifest; those whose names differ in case are counted at the end."""

    def expect(self, path: bytes, entry: ManifestEntry) -> None:
        """Takes an entry of the manifest.

        Args:
            path: its absolute path on this machine.
            entry: as the manifest gives it.
        """
        earlier = self._expected.get(path)
        if earlier is not None:
            if _disagree(earlier, entry):
                self._contradictory.add(path)
            size = earlier.size if entry.size is None else entry.size
            entry = ManifestEntry(earlier.path, entry.digests | earlier.digests, size)
        self._expected[path] = entry

    def expects(self, path: bytes) -> bool:
        """Returns whether the manifest has a path."""
        return path in self._expected

    def observe(self, file: Observed) -> None:
        """Takes a file that was examined completely."""
        entry = self._expected.get(file.path)
        if entry is not None and file.path in self._met:
            # A container can have several members of one name.
            if file.path in self._contradictory:
                return
            if compare(entry, file)[0] is AuditOutcome.MATCHED:
                self.matched += 1
                return
        if entry is None or file.path in self._met:
            self._extra.append(file)
            return
        self._met.add(file.path)
        self._conclude(file, entry)

    def fail(self, path: bytes) -> None:
        """Takes a file that was not examined completely."""
        self._met.add(path)
        self._differences.append(Difference(AuditOutcome.UNREADABLE, path, self._expected.get(path)))

    def fail_directory(self, path: bytes) -> None:
        """Takes a directory that was not listed completely: files below it may exist."""
        self._unlisted.add(path.rstrip(b"/"))

    def differences(self, exists: Callable[[bytes], bool]) -> Iterator[Difference]:
        """Returns all differences in the order of their paths. From then on, :attr:`matched` is complete.

        Args:
            exists: returns whether there is anything at a path: a file that was not observed is missing, or was
                skipped.
        """
        gone: dict[bytes, ManifestEntry] = {}
        for path, entry in self._expected.items():
            if path in self._met:
                continue
            is_hidden = self._is_hidden(path)
            if is_hidden or exists(path):
                note = MAY_EXIST if is_hidden else NOT_EXAMINED
                self._differences.append(Difference(AuditOutcome.UNREADABLE, path, entry, note=note))
            else:
                gone[path] = entry
        extra = sorted(self._extra, key=lambda file: file.path)
        extra = self._pair_by_name(extra, gone)
        extra = self._pair_by_content(extra, gone)
        copies = _ContentIndex(self._expected)
        for file in extra:
            origin = copies.find(file)
            outcome = AuditOutcome.NEW if origin is None else AuditOutcome.COPIED
            expected = None if origin is None else self._expected[origin]
            self._differences.append(Difference(outcome, file.path, expected, file))
        self._differences += [Difference(AuditOutcome.MISSING, path, entry) for path, entry in gone.items()]
        return iter(sorted(self._differences, key=lambda one: one.path))

    def _conclude(self, file: Observed, entry: ManifestEntry, note: str | None = None) -> None:
        outcome, reason = compare(entry, file)
        if file.path in self._contradictory:
            outcome, reason = AuditOutcome.CONFLICT, MANIFEST_DISAGREES
        if outcome is AuditOutcome.MATCHED and note in {None, NAME_CASE}:
            self.matched += 1
            return
        if outcome is AuditOutcome.MATCHED:
            outcome = AuditOutcome.MOVED
        self._differences.append(Difference(outcome, file.path, entry, file, reason or note))

    def _is_hidden(self, path: bytes) -> bool:
        if not self._unlisted:
            return False
        return any(path[:at] in self._unlisted for at, letter in enumerate(path) if letter == _SLASH)

    def _pair_by_name(self, extra: list[Observed], gone: dict[bytes, ManifestEntry]) -> list[Observed]:
        """Pairs files with expected files whose name is the same text in other bytes; returns the other files."""
        folded = {_folded(path, ignores_case=self._ignores_case): path for path in reversed(gone)} if extra else {}
        rest = []
        for file in extra:
            path = folded.get(_folded(file.path, ignores_case=self._ignores_case))
            if path is None or path not in gone:
                rest.append(file)
                continue
            same_case = _folded(path, ignores_case=False) == _folded(file.path, ignores_case=False)
            self._conclude(file, gone.pop(path), NAME_NORMALISED if same_case else NAME_CASE)
        return rest

    def _pair_by_content(self, extra: list[Observed], gone: dict[bytes, ManifestEntry]) -> list[Observed]:
        """Pairs files with expected files that are gone and had the same content; returns the other files."""
        index = _ContentIndex(gone)
        rest = []
        for file in extra:
            path = index.take(file)
            if path is None:
                rest.append(file)
            else:
                self._differences.append(Difference(AuditOutcome.MOVED, file.path, gone.pop(path), file))
        return rest


class _ContentIndex:
    """Finds entries by their content: by the strongest digest of each, confirmed by all digests and the size."""

    def __init__(self, entries: Mapping[bytes, ManifestEntry]) -> None:
        self._entries = dict(entries)
        self._paths: dict[tuple[AlgorithmName, bytes], list[bytes]] = {}
        for path in sorted(entries):
            digests = entries[path].digests
            if digests:
                strongest = max(digests, key=_strength)
                self._paths.setdefault((strongest, digests[strongest]), []).append(path)

    def find(self, file: Observed) -> bytes | None:
        """Returns the path of an entry with the content of a file; one with the same name is preferred."""
        for algorithm in sorted(file.digests, key=_strength, reverse=True):
            paths = self._paths.get((algorithm, file.digests[algorithm]), [])
            equal = [path for path in paths if compare(self._entries[path], file)[0] is AuditOutcome.MATCHED]
            if equal:
                name = os.path.basename(file.path)
                return next((path for path in equal if os.path.basename(path) == name), equal[0])
        return None

    def take(self, file: Observed) -> bytes | None:
        """Returns the same as :meth:`find`, and removes the entry."""
        path = self.find(file)
        if path is not None:
            digests = self._entries[path].digests
            strongest = max(digests, key=_strength)
            self._paths[strongest, digests[strongest]].remove(path)
        return path


def compare(entry: ManifestEntry, file: Observed) -> tuple[AuditOutcome, str | None]:
    """Returns the outcome for a file and the entry of its path, and a note.

    Args:
        entry: as the manifest gives it.
        file: as it was examined.
    """
    agreeing = [file.digests[name] == digest for name, digest in entry.digests.items() if name in file.digests]
    if not agreeing:
        return AuditOutcome.UNREADABLE, NO_COMMON_DIGEST
    if not any(agreeing):
        return AuditOutcome.CHANGED, None
    if not all(agreeing):
        return AuditOutcome.CONFLICT, DIGESTS_DISAGREE
    if None not in {entry.size, file.size} and entry.size != file.size:
        return AuditOutcome.CONFLICT, SIZE_DISAGREES
    return AuditOutcome.MATCHED, None


def _disagree(first: ManifestEntry, second: ManifestEntry) -> bool:
    sizes = {first.size, second.size} - {None}
    shared = first.digests.keys() & second.digests.keys()
    return len(sizes) > 1 or any(first.digests[name] != second.digests[name] for name in shared)


def _strength(algorithm: AlgorithmName) -> int:
    return DIGESTS[algorithm].strength if algorithm in DIGESTS else -1


def _folded(path: bytes, *, ignores_case: bool) -> str | bytes:
    try:
        text = unicodedata.normalize("NFC", path.decode())
    except UnicodeDecodeError:
        return path.lower() if ignores_case else path
    return unicodedata.normalize("NFC", text.casefold()) if ignores_case else text
