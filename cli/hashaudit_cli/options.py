"""Options that several commands share, and how their words become values."""

import math
import os
import re
from typing import Annotated

import typer

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.errors import UsageError
from hashaudit.lists.interface import ListSpec
from hashaudit.model.results import AlgorithmName, Role

LISTS = "What is looked for"
PICTURES = "Pictures"
WALK = "What is walked"
STORES = "Object stores and mounted buckets"
FINDINGS = "Findings"
LIMITS = "Speed and limits"
"""The parts of ``--help``."""

KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="FILE",
        help="Sign with this Ed25519 key. Default: $HASHAUDIT_KEY, then your own, made at first use.",
        rich_help_panel=FINDINGS,
    ),
]
IMAGEHASH_PRE4 = "imagehash-pre4"
"""Behind a perceptual hash's name: ``phash:imagehash-pre4=FILE`` is in the hex form of imagehash before version 4.0."""

MAX_AMOUNT_BYTES = 1 << 53
"""No machine has more; larger numbers are slips."""

PassphraseFileOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Read the key's passphrase from the first line of FILE.", rich_help_panel=FINDINGS
    ),
]
PassphraseFdOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="Read the key's passphrase from open descriptor N.", rich_help_panel=FINDINGS),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--column-map",
        metavar="COLUMN=FIELD",
        help="What a column of CSV, TSV or ; text holds: a digest's name, id, size, or the name of a label.",
        rich_help_panel=LISTS,
    ),
]


CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only-category",
        metavar="CATEGORY",
        help="Keep only entries of this category, as the list has it.",
        rich_help_panel=LISTS,
    ),
]
ScoreOption = Annotated[
    float | None,
    typer.Option("--min-score", metavar="N", help="Leave out entries whose score is lower.", rich_help_panel=LISTS),
]


RateOption = Annotated[
    str | None,
    typer.Option(
        metavar="BYTES",
        help="Read no more than this in a second, all workers together: 50M, 1G (K, M, G, T: powers of 1024).",
        rich_help_panel=LIMITS,
    ),
]
LowImpactOption = Annotated[
    bool,
    typer.Option(
        "--low-impact",
        help="Give way to others: lowest processor priority, idle class of the disk.",
        rich_help_panel=LIMITS,
    ),
]

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?(?:/s)?", re.ASCII | re.IGNORECASE)
_UNIT_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def bytes_amount(option: str, text: str | None) -> int | None:
    """The bytes of ``50M``, ``1.5GiB`` or ``4096``; ``None`` where the option was not given.

    Raises:
        UsageError: it is no amount, or none that a machine has.
    """
    if text is None:
        return None
    form = _AMOUNT.fullmatch(text.strip())
    amount = float(form[1]) * _UNIT_BYTES[form[2].upper()] if form else math.inf
    if amount > MAX_AMOUNT_BYTES:
        raise UsageError(f"{option} {text}: write a number of bytes, such as 50M or 1G")
    return int(amount)


EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url",
        metavar="URL",
        help="Where s3:// and az:// are, if not at Amazon and Azure.",
        rich_help_panel=STORES,
    ),
]
PayerOption = Annotated[
    bool,
    typer.Option(
        "--request-payer",
        help="Pay for the requests and traffic of s3:// where the owner does not.",
        rich_help_panel=STORES,
    ),
]
PathStyleOption = Annotated[
    bool,
    typer.Option(
        "--path-style",
        help="Name buckets in paths, not in hosts. With --endpoint-url always so.",
        rich_help_panel=STORES,
    ),
]


ExecutorOption = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="local|dask",
        help="Examine on this machine, or on the workers of a Dask cluster.",
        rich_help_panel=LIMITS,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Of the Dask scheduler: tcp://HOST:8786, tls://HOST:8786.",
        rich_help_panel=LIMITS,
    ),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait-for-workers",
        metavar="S",
        help="Seconds that a cluster may be without workers or scheduler.",
        rich_help_panel=LIMITS,
    ),
]


def column_map(given: list[str]) -> dict[str, str]:
    """The columns of ``--column-map md5=MD5 --column-map severity=category``.

    Raises:
        UsageError: one has no equals sign or no column.
    """
    columns = {}
    for text in given:
        column, equals, field = text.partition("=")
        if not (equals and column.strip() and field.strip()):
            raise UsageError(f"--column-map {text}: write COLUMN=FIELD")
        columns[column.strip()] = field.strip()
    return columns


def list_specs(deny: list[str], known: list[str]) -> tuple[ListSpec, ...]:
    """The lists of ``--list`` and ``--known`` in the order in which the run header numbers them."""
    return tuple(_list_spec(text, Role.DENY) for text in deny) + tuple(_list_spec(text, Role.KNOWN) for text in known)


def _list_spec(text: str, role: Role) -> ListSpec:
    before, equals, path = text.partition("=")
    name, _, form = before.partition(":")
    imagehash_pre4 = form.strip().lower() == IMAGEHASH_PRE4
    stated = name if imagehash_pre4 else before
    algorithm = (canonical_name(stated) or perceptual_name(stated)) if equals else None
    if algorithm is None:
        return ListSpec(text, role)
    if not path:
        raise UsageError(f"{text}: no file after the equals sign")
    return ListSpec(path, role, algorithm, imagehash_pre4)


def perceptual_name(text: str) -> AlgorithmName | None:
    """The name of a perceptual hash for a spelling in use, or ``None``."""
    folded = text.strip().lower()
    if not folded or not folded[0].isalpha() or "/" in folded:
        return None
    # Start-up: the table of perceptual hashes brings numpy and Pillow along.
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named  # noqa: PLC0415 # as above

    algorithm = algorithm_named(folded)
    return algorithm.name if algorithm is not None else None


def algorithm_names(given: list[str]) -> tuple[tuple[AlgorithmName, ...], tuple[AlgorithmName, ...]]:
    """The digests and the perceptual hashes of ``-a sha256,md5 -a pdq``.

    Raises:
        UsageError: one is not known.
    """
    digests, perceptual = [], []
    for name in (name for text in given for name in text.split(",") if name.strip()):
        if (digest := canonical_name(name)) is not None:
            digests.append(digest)
        elif (picture := perceptual_name(name)) is not None:
            perceptual.append(picture)
        else:
            raise UsageError(
                f"-a {name}: no such algorithm; digests are {', '.join(DIGESTS)}; see docs/concepts/perceptual.md too"
            )
    return tuple(digests), tuple(dict.fromkeys(perceptual))


def distances(given: list[str]) -> dict[AlgorithmName, int]:
    """The limits of ``--max-distance pdq=31``.

    Raises:
        UsageError: one names no perceptual hash, or no number.
    """
    limits = {}
    for text in given:
        name, _, number = text.partition("=")
        algorithm = perceptual_name(name)
        if algorithm is None or not number.strip().isdigit():
            raise UsageError(f"--max-distance {text}: write ALGO=N with a perceptual hash, such as pdq=31")
        limits[algorithm] = int(number)
    return limits


def raw(text: str) -> bytes:
    """The exact bytes of a word of the command line."""
    return os.fsencode(text)
