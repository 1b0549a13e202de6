"""The flags of hashdeep and of md5deep's family, as getopt takes them.

Source: the manuals of hashdeep 4.4 and md5deep 4.4.
"""

import getopt
import os
from collections.abc import Callable, Sequence
from enum import Enum, auto

import msgspec

from hashaudit.content.digests.digest_registry import canonical_name
from hashaudit.lists.algorithms import BY_HEX_LENGTH
from hashaudit.model.results import AlgorithmName

HASHDEEP = "hashdeep"
FAMILY: dict[str, AlgorithmName] = {
    "md5deep": AlgorithmName("md5"),
    "sha1deep": AlgorithmName("sha1"),
    "sha256deep": AlgorithmName("sha256"),
}
"""The programs with one digest."""

ORDER = tuple(map(AlgorithmName, ("md5", "sha1", "sha256")))
"""Digests in the order of hashdeep's columns."""

USER_ERROR = 64
"""Exit code of a command line that is wrong."""

_HASHDEEP_FLAGS = "abc:CdeEF:f:o:I:i:MmXxlk:rsp:wvVhW:0D:uj:"
_FAMILY_FLAGS = "A:a:bcCdeF:f:I:i:M:X:x:m:o:tnwzsSp:rhvV0lkqZW:D:uj:"
_FILE_TYPES = {"b": "block devices", "c": "character devices", "p": "named pipes", "s": "sockets", "d": "doors"}
_MULTIPLIERS = "bkmgtpe"


class DeepUsageError(Exception):
    """The command line is wrong. ``args[0]`` says why."""


class Mode(Enum):
    """The purpose of a run."""

    COMPUTE = auto()
    MATCH = auto()
    """Show the files that are known."""
    NOT_MATCH = auto()
    """Show the files that are not known."""
    AUDIT = auto()


class Show(Enum):
    """A text to show instead of hashing."""

    HELP = auto()
    VERSION = auto()
    COPYRIGHT = auto()


class DeepFlags(msgspec.Struct):
    """A parsed command line."""

    program: str
    algorithms: tuple[AlgorithmName, ...]
    """Digests to compute, without those that lists of known hashes add."""
    files: tuple[bytes, ...] = ()
    mode: Mode = Mode.COMPUTE
    known_lists: list[str] = []
    known_hashes: list[str] = []
    show: Show | None = None
    shows_hash: bool = False
    shows_known: bool = False
    shows_unused: bool = False
    shows_size: bool = False
    shows_time: bool = False
    shows_progress: bool = False
    is_recursive: bool = False
    is_relative: bool = False
    is_bare: bool = False
    is_silent: bool = False
    warns_of_lines: bool = True
    omits_names: bool = False
    ignores_case: bool = False
    has_asterisk: bool = False
    is_csv: bool = False
    is_dfxml: bool = False
    is_triage: bool = False
    ends_with_nul: bool = False
    escapes_unicode: bool = False
    verbosity: int = 0
    piece_bytes: int | None = None
    max_bytes: int | None = None
    shows_larger: bool = False
    """Files over ``max_bytes`` have asterisks instead of hashes."""
    file_types: str | None = None
    """Letters of ``-o``; ``None``: everything that can be read."""
    workers: int | None = None
    list_of_files: str | None = None
    output: str | None = None

    @property
    def is_hashdeep(self) -> bool:
        """True for ``hashdeep``, false for the programs with one digest."""
        return self.program == HASHDEEP


def parse_flags(program: str, words: Sequence[str]) -> DeepFlags:
    """Returns the flags of a command line.

    Raises:
        DeepUsageError: a flag is unknown, has a value that cannot be used, or contradicts another.
    """
    algorithms = ORDER[::2] if program == HASHDEEP else (FAMILY[program],)
    flags = DeepFlags(program, algorithms)
    try:
        found, files = getopt.gnu_getopt(list(words), _HASHDEEP_FLAGS if flags.is_hashdeep else _FAMILY_FLAGS)
    except getopt.GetoptError as error:
        raise DeepUsageError(error.msg) from error
    flags.files = tuple(map(os.fsencode, files))
    own = _HASHDEEP if flags.is_hashdeep else _ONE_DIGEST
    for flag, value in found:
        name = flag[1:]
        if name in own:
            own[name](flags, value)
        elif name in _SHARED:
            _SHARED[name](flags, value)
        else:
            setattr(flags, _SWITCHES[name], True)
    if flags.show is None:
        _check(flags)
    return flags


def _check(flags: DeepFlags) -> None:
    matches = flags.mode in {Mode.MATCH, Mode.NOT_MATCH}
    if flags.mode is not Mode.COMPUTE and not flags.known_lists and not flags.known_hashes:
        raise DeepUsageError("Unable to load any matching files.")
    if flags.is_relative and flags.is_bare:
        raise DeepUsageError("Relative paths and bare filenames are mutually exclusive.")
    if not flags.is_hashdeep:
        if flags.piece_bytes is not None and flags.shows_size:
            raise DeepUsageError("Piecewise mode and file size display cannot be used together.")
        if flags.shows_unused and not matches:
            raise DeepUsageError("Matching or negative matching must be enabled to display unmatched hashes.")
        if flags.shows_known and not matches:
            raise DeepUsageError("Matching or negative matching must be enabled to display which file matched.")
    if flags.is_triage and (flags.piece_bytes is not None or flags.mode is not Mode.COMPUTE):
        raise DeepUsageError("Triage mode cannot be used with piecewise mode or a matching mode.")
    if flags.is_dfxml and flags.piece_bytes is not None and matches:
        raise DeepUsageError("DFXML output of pieces cannot be used with a matching mode.")
    if flags.is_dfxml and (flags.mode is Mode.AUDIT or flags.is_triage or flags.shows_unused or flags.ends_with_nul):
        raise DeepUsageError("DFXML output cannot be used with -a, -n, -Z or -0.")


def _set_mode(flags: DeepFlags, mode: Mode, *, exclusive: bool) -> None:
    if flags.mode is not Mode.COMPUTE and (exclusive or flags.mode is not mode):
        raise DeepUsageError(
            "Multiple processing modes specified."
            if exclusive
            else "Regular and negative matching are mutually exclusive."
        )
    flags.mode = mode


def _mode_of_hashdeep(mode: Mode, *, shows_hash: bool = False) -> Callable[[DeepFlags, str], None]:
    def apply(flags: DeepFlags, _: str) -> None:
        _set_mode(flags, mode, exclusive=True)
        flags.shows_hash |= shows_hash

    return apply


def _list_of_family(mode: Mode, *, shows_hash: bool = False) -> Callable[[DeepFlags, str], None]:
    def apply(flags: DeepFlags, value: str) -> None:
        _set_mode(flags, mode, exclusive=False)
        flags.known_lists.append(value)
        flags.shows_hash |= shows_hash

    return apply


def _hash_of_family(mode: Mode) -> Callable[[DeepFlags, str], None]:
    def apply(flags: DeepFlags, value: str) -> None:
        _set_mode(flags, mode, exclusive=False)
        if BY_HEX_LENGTH.get(len(value)) != flags.algorithms[0] or not value.isalnum():
            # The value may be of a confidential list, so it is not repeated.
            raise DeepUsageError(f"A hash on the command line is not of {flags.algorithms[0]}.")
        flags.known_hashes.append(value)

    return apply


def _algorithms(flags: DeepFlags, value: str) -> None:
    names = {canonical_name(name) for name in value.split(",") if name}
    if not names or not names <= set(ORDER):
        raise DeepUsageError(f"Unknown algorithm: {value}; md5, sha1 and sha256 are supported.")
    flags.algorithms = tuple(name for name in ORDER if name in names)


def _known(flags: DeepFlags, value: str) -> None:
    flags.known_lists.append(value)


def _more_verbose(flags: DeepFlags, _: str) -> None:
    flags.verbosity += 1


def _piece(flags: DeepFlags, value: str) -> None:
    flags.piece_bytes = _size(value, "Piecewise blocks of zero bytes are impossible.")


def _threshold(flags: DeepFlags, value: str) -> None:
    flags.max_bytes = _size(value, "Requested size threshold implies not hashing anything.")


def _threshold_of_all(flags: DeepFlags, value: str) -> None:
    _threshold(flags, value)
    flags.shows_larger = True


def _types(flags: DeepFlags, value: str) -> None:
    for letter in value:
        if letter in _FILE_TYPES:
            raise DeepUsageError(f"-o {letter}: {_FILE_TYPES[letter]} are not read; give one on standard input.")
        if letter not in "fl":
            raise DeepUsageError(f"-o {letter}: not a supported type of files.")
    flags.file_types = value


def _threads(flags: DeepFlags, value: str) -> None:
    if not value.isdigit():
        raise DeepUsageError(f"-j {value}: not a number of threads.")
    flags.workers = max(1, int(value))


def _list_of_files(flags: DeepFlags, value: str) -> None:
    flags.list_of_files = value


def _output(flags: DeepFlags, value: str) -> None:
    flags.output = value


def _ignore(_flags: DeepFlags, _value: str) -> None:
    """Ignores a flag about how files are read, or about debugging."""


def _show(what: Show) -> Callable[[DeepFlags, str], None]:
    def apply(flags: DeepFlags, _: str) -> None:
        flags.show = flags.show or what

    return apply


def _warn_only(flags: DeepFlags, _: str) -> None:
    flags.is_silent = True


def _silent(flags: DeepFlags, _: str) -> None:
    flags.is_silent, flags.warns_of_lines = True, False


_Setter = Callable[[DeepFlags, str], None]

_SHARED: dict[str, _Setter] = {
    "p": _piece,
    "i": _threshold,
    "I": _threshold_of_all,
    "o": _types,
    "j": _threads,
    "f": _list_of_files,
    "W": _output,
    "C": _ignore,
    "D": _ignore,
    "F": _ignore,
    "h": _show(Show.HELP),
    "s": _silent,
}

_HASHDEEP: dict[str, _Setter] = {
    "a": _mode_of_hashdeep(Mode.AUDIT),
    "m": _mode_of_hashdeep(Mode.MATCH),
    "x": _mode_of_hashdeep(Mode.NOT_MATCH),
    "M": _mode_of_hashdeep(Mode.MATCH, shows_hash=True),
    "X": _mode_of_hashdeep(Mode.NOT_MATCH, shows_hash=True),
    "c": _algorithms,
    "k": _known,
    "v": _more_verbose,
    "V": _show(Show.VERSION),
}

_ONE_DIGEST: dict[str, _Setter] = {
    "m": _list_of_family(Mode.MATCH),
    "x": _list_of_family(Mode.NOT_MATCH),
    "M": _list_of_family(Mode.MATCH, shows_hash=True),
    "X": _list_of_family(Mode.NOT_MATCH, shows_hash=True),
    "a": _hash_of_family(Mode.MATCH),
    "A": _hash_of_family(Mode.NOT_MATCH),
    "S": _warn_only,
    "v": _show(Show.VERSION),
    "V": _show(Show.COPYRIGHT),
}

_SWITCHES = {
    "b": "is_bare",
    "c": "is_csv",
    "d": "is_dfxml",
    "e": "shows_progress",
    "E": "ignores_case",
    "k": "has_asterisk",
    "l": "is_relative",
    "n": "shows_unused",
    "q": "omits_names",
    "r": "is_recursive",
    "t": "shows_time",
    "u": "escapes_unicode",
    "w": "shows_known",
    "z": "shows_size",
    "Z": "is_triage",
    "0": "ends_with_nul",
}
"""Flags without a value, and the field that each sets."""


def _size(text: str, zero: str) -> int:
    """Returns the bytes of ``512``, ``4k`` or ``1m``."""
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "b")
    if not number.isdigit() or unit not in _MULTIPLIERS:
        raise DeepUsageError(f"'{text}' is not a size; write a number, and b, k, m, g, t, p or e.")
    size = int(number) << 10 * _MULTIPLIERS.index(unit)
    if not size:
        raise DeepUsageError(zero)
    return size
