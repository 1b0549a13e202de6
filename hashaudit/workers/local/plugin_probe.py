"""Reads the name and length of a plug-in hash in a separate process.

The parent holds the signing key, so it never loads plug-in code.
"""

import sys

import msgspec

from hashaudit.errors import UsageError
from hashaudit.lists.plugin_hashes import plug_in

TIMEOUT_S = 60.0
"""A plug-in that has not reported its name by then fails to load."""

_CODE = "import sys; from hashaudit.workers.local.plugin_probe import report_names; report_names(sys.argv[1])"


class HasherName(msgspec.Struct, frozen=True):
    """The properties of a plug-in hash that lists need."""

    name: str
    length_bytes: int


def plug_in_all(references: tuple[str, ...]) -> None:
    """Registers the plug-in hashes that the user named as ``module:callable``, so that lists can contain them.

    Raises:
        UsageError: a plug-in does not load or is not a hasher.
    """
    for reference in references:
        hasher = _ask(reference)
        plug_in(hasher.name, hasher.length_bytes)


def report_names(reference: str) -> None:
    """Writes the :class:`HasherName` of a plug-in, or its error, to standard output. Runs in the child process."""
    from hashaudit.content.perceptual.plugin import load_hasher  # noqa: PLC0415 # only the child loads numpy, Pillow, the hasher

    try:
        row = load_hasher(reference)
        answer = msgspec.json.encode(HasherName(row.name, row.length_bytes))
    except UsageError as error:
        answer = msgspec.json.encode(str(error))
    sys.stdout.buffer.write(answer)


def _ask(reference: str) -> HasherName:
    import subprocess  # noqa: PLC0415 # start-up: most scans have no plug-in

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
        raise UsageError(f"cannot load the plug-in hash '{reference}'; {type(error).__name__}") from error
    if isinstance(answer, str):
        raise UsageError(answer)
    return answer
