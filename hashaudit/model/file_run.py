"""Files of one directory that need nothing of their own: the unit in which a walk passes most files on."""

import msgspec

from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import DirectoryRef, Location


class FileRun(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Files of one directory that follow each other in the walk.

    Each is a regular file with one name, not reached by a link, on a filesystem whose inode numbers and times can be
    trusted. One object for many files saves several for each of them (docs/adr/0027-walk-runs-of-files.md).
    """

    container: DirectoryRef
    root: int
    """Position of the scan's root that they belong to, from 0."""
    names: tuple[bytes, ...]
    """In the order of the walk."""
    states: tuple[Stat, ...]
    """The state of each, as listed."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> list[int]:
        """Bytes of each file."""
        return [state.size for state in self.states]

    def entry(self, index: int) -> Entry:
        """Returns one of the files as an entry."""
        return Entry(Location(self.container, self.names[index], None, (), self.root), self.states[index])

    def entries(self) -> list[Entry]:
        """Returns the files as entries."""
        return [
            Entry(Location(self.container, name, None, (), self.root), state)
            for name, state in zip(self.names, self.states, strict=True)
        ]

    def part(self, first: int, end: int) -> "FileRun":
        """Returns the files from ``first`` to before ``end``."""
        return FileRun(self.container, self.root, self.names[first:end], self.states[first:end])

    def chosen(self, indexes: "list[int]") -> "FileRun":
        """Returns some of the files, which keep their order."""
        names = tuple([self.names[index] for index in indexes])
        return FileRun(self.container, self.root, names, tuple([self.states[index] for index in indexes]))
