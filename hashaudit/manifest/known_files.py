"""Finds files among known ones, as hashdeep and md5deep do: by each digest, and by name among equal ones.

Source: the manuals of hashdeep 4.4 and md5deep 4.4, and what Debian's hashdeep does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum, auto

import msgspec

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.model.results import AlgorithmName


class Agreement(Enum):
    """How a file agrees with the known file that has one of its digests."""

    EXACT = auto()
    """All digests, the size and the name."""
    MOVED = auto()
    """All digests and the size; the name is another."""
    COLLISION = auto()
    """Another digest, or the size, disagrees."""
    NONE = auto()
    """No known file has a digest of it."""


class KnownFile(msgspec.Struct, eq=False):
    """A known file."""

    name: bytes
    """As its list names it."""
    size: int | None
    digests: dict[AlgorithmName, bytes]
    is_used: bool = False
    """A file was found that has one of its digests."""


class KnownFiles:
    """All known files of a run.

    Args:
        ignores_case: names that differ only in case are equal.
    """

    def __init__(self, *, ignores_case: bool = False) -> None:
        self._ignores_case = ignores_case
        self._files: list[KnownFile] = []
        self._by_digest: dict[tuple[AlgorithmName, bytes], list[KnownFile]] = {}

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[KnownFile]:
        return iter(self._files)

    def add(self, entries: Iterable[ManifestEntry]) -> None:
        """Adds known files. The order decides which of several equal ones a file is found as."""
        for entry in entries:
            file = KnownFile(entry.path, entry.size, dict(entry.digests))
            self._files.append(file)
            for item in file.digests.items():
                self._by_digest.setdefault(item, []).append(file)

    def unused(self) -> list[KnownFile]:
        """Returns the known files of which nothing was found."""
        return [file for file in self._files if not file.is_used]

    def find(self, algorithm: AlgorithmName, digest: bytes, name: bytes) -> KnownFile | None:
        """Returns the known file with a digest, preferably the one of a name, and notes that it is used."""
        return self._use(self._by_digest.get((algorithm, digest), []), name)

    def search(
        self, algorithms: Sequence[AlgorithmName], digests: Mapping[AlgorithmName, bytes], size: int, name: bytes
    ) -> tuple[Agreement, KnownFile | None]:
        """Returns how a file agrees with the known ones, and the known file that it was found as.

        One that agrees in everything is preferred, so that a collision is one with every known file.

        Args:
            algorithms: in the order in which they are tried.
            digests: of the file.
            size: of the file, bytes.
            name: of the file, as it is written.
        """
        for algorithm in algorithms:
            similar = self._by_digest.get((algorithm, digests[algorithm]), [])
            agreeing = [file for file in similar if _agrees(file, algorithms, digests, size)]
            found = self._use(agreeing or similar, name)
            if found is not None:
                if not agreeing:
                    return Agreement.COLLISION, found
                return (Agreement.EXACT if self._is_name(found.name, name) else Agreement.MOVED), found
        return Agreement.NONE, None

    def _use(self, files: Sequence[KnownFile], name: bytes) -> KnownFile | None:
        if not files:
            return None
        found = next((file for file in files if self._is_name(file.name, name)), files[0])
        found.is_used = True
        return found

    def _is_name(self, one: bytes, other: bytes) -> bool:
        return one == other or (self._ignores_case and _folded(one) == _folded(other))


def _agrees(
    file: KnownFile, algorithms: Sequence[AlgorithmName], digests: Mapping[AlgorithmName, bytes], size: int
) -> bool:
    return file.size in {None, size} and all(
        file.digests[each] == digests[each] for each in algorithms if each in file.digests
    )


def _folded(name: bytes) -> str:
    return name.decode(errors="surrogateescape").casefold()
