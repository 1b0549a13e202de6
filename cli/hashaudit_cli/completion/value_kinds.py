"""The kinds of value that a shell can complete: files, directories, choices, and lists of choices."""

import functools
from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import get_args

import msgspec

from hashaudit.scan.option import DeclaredOption

FILES = frozenset(
    "A B FILE INDEX JOB.toml LIST MANIFEST NAME|FILE NEW OLD PATH PUB ROOT SHARD WORD".split()  # noqa: SIM905 # readable
)
"""Metavars of values that are paths."""

DIRECTORIES = frozenset({"DIR"})
"""Metavars of values that are directories."""


class ValueKind(StrEnum):
    """How a value is completed."""

    TEXT = "text"
    """Not at all."""
    FILE = "file"
    DIRECTORY = "directory"
    CHOICE = "choice"
    """One word of a closed set."""
    CHOICES = "choices"
    """Words of a closed set, separated by commas."""


class CompletedValue(msgspec.Struct, frozen=True):
    """How the value of an option is completed."""

    kind: ValueKind
    choices: tuple[str, ...] = ()


def completed_value(option: DeclaredOption) -> CompletedValue:
    """Returns how the value of an option, which is not a flag, is completed."""
    metavar = option.option.metavar or option.name.upper()
    choices = _choices(option, metavar)
    if choices:
        return CompletedValue(ValueKind.CHOICES if metavar.endswith(",...") else ValueKind.CHOICE, choices)
    if metavar in DIRECTORIES:
        return CompletedValue(ValueKind.DIRECTORY)
    return CompletedValue(ValueKind.FILE if metavar in FILES else ValueKind.TEXT)


def _choices(option: DeclaredOption, metavar: str) -> tuple[str, ...]:
    kinds = (option.type, *get_args(option.type))
    enumerated = next((one for one in kinds if isinstance(one, type) and issubclass(one, Enum)), None)
    if metavar in {"ALGO", "ALGO,..."}:
        return _algorithms()
    if metavar == "KIND,...":
        return (*_values(enumerated), "all", "none")
    if enumerated is not None:
        return _values(enumerated)
    if "|" in metavar and metavar.islower():
        return tuple(metavar.split("|"))
    return _codes() if option.field == "code" else ()


def _values(enumerated: type[Enum] | None) -> tuple[str, ...]:
    return () if enumerated is None else tuple(str(one.value) for one in enumerated)


@functools.cache
def _algorithms() -> tuple[str, ...]:
    from hashaudit.content.digests.digest_registry import DIGESTS  # noqa: PLC0415 # start-up: loads their libraries
    from hashaudit.content.perceptual.hash_names import BITS  # noqa: PLC0415 # as above

    return (*DIGESTS, *(name for name in BITS if "-" not in name))


@functools.cache
def _codes() -> tuple[str, ...]:
    from hashaudit.explanations import GROUPS  # noqa: PLC0415 # start-up

    return tuple(dict.fromkeys(code.code for group in GROUPS for code in group.codes))


def short_help(text: str, forbidden: Sequence[str] = ()) -> str:
    """Returns the first sentence of a help text, without its full stop and without some characters."""
    first = text.partition(". ")[0].removesuffix(".").replace("`", "")
    return "".join(one for one in first if one not in forbidden)
