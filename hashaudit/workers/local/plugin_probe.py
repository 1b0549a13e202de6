"""Asks a plugged hasher for its name and length in a process of its own.

The parent holds the signing key, so it never loads code that the user plugs in.
"""

import subprocess
import sys

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lists.plugin_hashes import plug_in

TIMEOUT_S = 60.0
"""A hasher that has not said its name by then does not load."""

_CODE = "import sys; from hashaudit.workers.local.plugin_probe import report_names; report_names(sys.argv[1])"


class HasherName(msgspec.Struct, frozen=True):
    """What the lists have to know of a hasher."""

    name: str
    length_bytes: int


def plug_in_all(references: tuple[str, ...]) -> None:
    """Lets lists be matched by the hashers that the user names as ``module:callable``.

    Raises:
        UsageError: one cannot be loaded, or is no hasher.
    """
    for reference in references:
        hasher = _ask(reference)
        plug_in(hasher.name, hasher.length_bytes)


def report_names(reference: str) -> None:
    """Writes a hasher's :class:`HasherName`, or why there is none, to standard output: what the child process runs."""
    from hashaudit.content.perceptual.plugin import load_hasher  # noqa: PLC0415 # only the child loads numpy, Pillow, the hasher

    try:
        row = load_hasher(reference)
        answer = msgspec.json.encode(HasherName(row.name, row.length_bytes))
    except UsageError as error:
        answer = msgspec.json.encode(str(error))
    sys.stdout.buffer.write(answer)


def _ask(reference: str) -> HasherName:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _CODE, reference],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        answer = msgspec.json.decode(done.stdout, type=HasherName | str)
    except (OSError, subprocess.TimeoutExpired, msgspec.DecodeError) as error:
        raise UsageError(f"the hasher {reference} does not load: {type(error).__name__}") from error
    if isinstance(answer, str):
        raise UsageError(answer)
    return answer
