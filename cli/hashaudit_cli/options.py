"""Options that several commands share, and how their words become values."""

import os
from typing import Annotated

import typer

from hashaudit.digests.registry import DIGESTS, canonical_name
from hashaudit.errors import UsageError
from hashaudit.hashlists.interface import ListSpec
from hashaudit.model import AlgorithmName, Role

STATED_ONLY = {"pdq": AlgorithmName("pdq")}
"""Names that ``ALGO=FILE`` may state besides the digests."""

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Sign with this Ed25519 key. Default: $HASHAUDIT_KEY, then your own, made at first use.",
    ),
]
PassphraseFileOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Read the key's passphrase from the first line of FILE.")
]
PassphraseFdOption = Annotated[
    int | None, typer.Option(metavar="N", help="Read the key's passphrase from open descriptor N.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="COLUMN=FIELD",
        help="What a column of CSV, TSV or ; text holds: a digest's name, id, size, or the name of a label.",
    ),
]


def column_map(given: list[str]) -> dict[str, str]:
    """The columns of ``--map md5=MD5 --map severity=category``.

    Raises:
        UsageError: one has no equals sign or no column.
    """
    columns = {}
    for text in given:
        column, equals, field = text.partition("=")
        if not (equals and column.strip() and field.strip()):
            raise UsageError(f"--map {text}: write COLUMN=FIELD")
        columns[column.strip()] = field.strip()
    return columns


def list_specs(deny: list[str], known: list[str]) -> tuple[ListSpec, ...]:
    """The lists of ``--list`` and ``--known`` in the order in which the run header numbers them."""
    return tuple(_list_spec(text, Role.DENY) for text in deny) + tuple(_list_spec(text, Role.KNOWN) for text in known)


def _list_spec(text: str, role: Role) -> ListSpec:
    before, equals, path = text.partition("=")
    algorithm = (canonical_name(before) or STATED_ONLY.get(before.strip().lower())) if equals else None
    if algorithm is None:
        return ListSpec(text, role)
    if not path:
        raise UsageError(f"{text}: no file after the equals sign")
    return ListSpec(path, role, algorithm)


def algorithm_names(given: list[str]) -> tuple[AlgorithmName, ...]:
    """The algorithms of ``-a sha256,md5 -a blake3``.

    Raises:
        UsageError: one is not known.
    """
    names = [name for text in given for name in text.split(",") if name.strip()]
    found = []
    for name in names:
        algorithm = canonical_name(name)
        if algorithm is None:
            raise UsageError(f"-a {name}: no such digest; known are {', '.join(DIGESTS)}")
        found.append(algorithm)
    return tuple(found)


def raw(text: str) -> bytes:
    """The exact bytes of a word of the command line."""
    return os.fsencode(text)
