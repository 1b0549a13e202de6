"""The lines that hashdeep and md5deep's family write for a file, and their banner.

Source: the manuals of hashdeep 4.4 and md5deep 4.4, hashdeep's document FILEFORMAT, and what Debian's hashdeep writes.
"""

import os
from collections.abc import Sequence

import msgspec

from hashaudit.model.results import AlgorithmName
from hashaudit.record.schema import FileState, State
from hashaudit_cli.hashdeep.deep_flags import DeepFlags
from hashaudit_cli.ui.hashdeep_lines import hashdeep_columns
from hashaudit_cli.ui.terminal import printable

_SIZE_DIGITS = 10


class DeepFile(msgspec.Struct, frozen=True):
    """A file, a piece of one, or standard input, with its hashes."""

    name: bytes
    """As it is written."""
    size: int
    """Bytes; of a piece, its own."""
    digests: dict[AlgorithmName, str]
    mark: bytes = b""
    """``offset 0-511`` of a piece, with a space before it."""
    state: State | None = None
    """``None`` for standard input."""
    first_block: str = ""
    """Hash of the first 512 bytes, in triage mode."""

    @property
    def full_name(self) -> bytes:
        """The name with the mark of a piece."""
        return self.name + self.mark


class DeepLines:
    """Makes the lines of one run.

    Args:
        flags: of the run.
        algorithms: in the order of hashdeep's columns.
    """

    def __init__(self, flags: DeepFlags, algorithms: Sequence[AlgorithmName]) -> None:
        self._flags = flags
        self._algorithms = algorithms

    def banner(self, words: Sequence[str]) -> bytes:
        """Returns what comes before the first hash of hashdeep: the columns and the command line, as comments."""
        prompt = "#" if os.geteuid() == 0 else "$"
        command = printable(" ".join((self._flags.program, *words)))
        directory = printable(os.getcwd())
        comments = f"## Invoked from: {directory}\n## {prompt} {command}\n## \n"
        return hashdeep_columns(self._algorithms) + comments.encode(errors="surrogateescape")

    def shown_name(self, name: bytes) -> bytes:
        """Returns a name as ``-u`` writes it."""
        if not self._flags.escapes_unicode:
            return name
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return name
        return "".join(one if ord(one) < 256 else f"U+{ord(one):04X}" for one in text).encode()

    def hashes(self, file: DeepFile) -> bytes:
        """Returns the line with the hashes of a file."""
        if self._flags.is_hashdeep:
            hashes = ",".join(file.digests[name] for name in self._algorithms)
            return f"{file.size},{hashes},".encode() + self.shown_name(file.name) + file.mark
        return self._one_hash(file)

    def matched(self, file: DeepFile, known: bytes | None) -> bytes:
        """Returns the line of a file that a matching mode shows.

        Args:
            file: the file.
            known: name of the known file that it was found as; ``None`` if it was not found.
        """
        flags, name = self._flags, self.shown_name(file.full_name)
        if flags.is_hashdeep:
            if flags.shows_hash:
                return self.hashes(file)
            return name + (b" matches " + known if flags.shows_known and known is not None else b"")
        begin = b""
        if flags.shows_size:
            begin = self._size(file)
        if flags.shows_hash:
            begin += self._digest(file) + (b"," if flags.is_csv else b" *" if flags.has_asterisk else b"  ")
        if flags.shows_known:
            return begin + name + (b" does NOT match" if known is None else b" matched " + known)
        return begin + name

    def _one_hash(self, file: DeepFile) -> bytes:
        flags = self._flags
        line = f"{file.size}\t{file.first_block}\t".encode() if flags.is_triage else b""
        line += (self._size(file) if flags.shows_size else b"") + self._digest(file)
        if flags.omits_names:
            return line + b"  " + file.mark
        if file.state is None and not file.mark:
            return line
        if flags.shows_time and isinstance(file.state, FileState):
            line += (b"," if flags.is_csv else b" ") + _time(file.state).encode()
        separator = b"," if flags.is_csv else b" *" if flags.has_asterisk else b"\t" if flags.is_triage else b"  "
        return line + separator + self.shown_name(file.name) + file.mark

    def _digest(self, file: DeepFile) -> bytes:
        return file.digests[self._algorithms[0]].encode()

    def _size(self, file: DeepFile) -> bytes:
        most = 10**_SIZE_DIGITS - 1
        size = file.size if self._flags.is_csv else min(file.size, most)
        return f"{size:{_SIZE_DIGITS}}".encode() + (b", " if self._flags.is_csv else b"  ")


def _time(state: FileState) -> str:
    """Returns the time of change in GMT: ``2026:11:26:02:29:59``."""
    return state.ctime[:19].replace("-", ":").replace("T", ":")
