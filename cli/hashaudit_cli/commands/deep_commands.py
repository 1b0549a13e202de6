"""``hashaudit hashdeep`` and ``md5deep``, ``sha1deep``, ``sha256deep``: the flags and the output of these programs."""

from typing import Annotated

import msgspec

from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.settings import Settings


class DeepOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The words of the command line, which are no options of this program."""

    words: Annotated[
        tuple[str, ...],
        Option("words", "Flags as the program takes them, and files.", argument=True, metavar="WORD", optional=True),
    ] = ()


def _run(program: str, settings: Settings) -> int:
    from hashaudit_cli.hashdeep.deep_run import run_deep

    return run_deep(program, settings.make(DeepOptions).words)


@command(
    "hashdeep",
    options_of(DeepOptions),
    examples=("hashaudit hashdeep -r /srv", "hashaudit hashdeep -r -a -vv -k files.hashdeep /srv"),
    takes_words=True,
)
def hashdeep(settings: Settings) -> int:
    """Take the flags of hashdeep and give its output: `hashaudit hashdeep -h` lists them.

    The exit code has 16 if a file was not read, which hashdeep does not report.
    """
    return _run("hashdeep", settings)


@command(
    "md5deep",
    options_of(DeepOptions),
    examples=("hashaudit md5deep -r /srv", "hashaudit md5deep -r -x known.md5 /srv"),
    takes_words=True,
)
def md5deep(settings: Settings) -> int:
    """Take the flags of md5deep and give its output: `hashaudit md5deep -h` lists them.

    The exit code has 1 if a known hash was not found, 2 if a file is not known, and 16 if a file was not read.
    """
    return _run("md5deep", settings)


@command("sha1deep", options_of(DeepOptions), examples=("hashaudit sha1deep -r /srv",), takes_words=True)
def sha1deep(settings: Settings) -> int:
    """Take the flags of sha1deep and give its output, as `hashaudit md5deep` does for MD5."""
    return _run("sha1deep", settings)


@command("sha256deep", options_of(DeepOptions), examples=("hashaudit sha256deep -r /srv",), takes_words=True)
def sha256deep(settings: Settings) -> int:
    """Take the flags of sha256deep and give its output, as `hashaudit md5deep` does for MD5."""
    return _run("sha256deep", settings)
