"""Makes the values of options from text. A ``ValueError`` states the condition that the text breaks."""

import math
import os
import re

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.lazy import lazy_pattern
from hashaudit.lists.interface import ListSpec
from hashaudit.model.containers import ContainerCategory
from hashaudit.model.results import AlgorithmName, Role

IMAGEHASH_PRE4 = "imagehash-pre4"
"""Suffix of a perceptual hash's name: ``phash:imagehash-pre4=FILE`` is in the hex form of imagehash before 4.0."""

LIST_SEPARATOR = re.escape(os.pathsep) + f"(?!{IMAGEHASH_PRE4}=)"
"""Regular expression between hash lists in an environment variable."""

MAX_AMOUNT_BYTES = 1 << 53
"""No machine has more, so larger numbers are typing errors."""

_AMOUNT = lazy_pattern(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?(?:/s)?", re.ASCII | re.IGNORECASE)
_UNIT_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def bytes_amount(text: str) -> int:
    """Returns the bytes of ``50M``, ``1.5GiB`` or ``4096``.

    Raises:
        ValueError: the text is not an amount, or more than a machine has.
    """
    form = _AMOUNT.fullmatch(text.strip())
    amount = float(form[1]) * _UNIT_BYTES[form[2].upper()] if form else math.inf
    if amount > MAX_AMOUNT_BYTES:
        raise ValueError("must be a number of bytes, such as 50M or 1G")
    return int(amount)


_DURATION = lazy_pattern(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII | re.IGNORECASE)
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}

MAX_DURATION_S = 366 * 86_400
"""Longer than any scan, so larger numbers are typing errors."""


def duration_s(text: str) -> float:
    """Returns the seconds of ``90``, ``30m`` or ``6.5h``.

    Raises:
        ValueError: the text is not a duration, is zero, or is more than a year.
    """
    form = _DURATION.fullmatch(text.strip())
    seconds = float(form[1]) * _UNIT_S[form[2].lower()] if form else math.inf
    if not 0 < seconds <= MAX_DURATION_S:
        raise ValueError("must be a duration, such as 90, 30m or 6h")
    return seconds


MAX_AGE_S = 100 * 366 * 86_400


def age_s(text: str) -> float:
    """Returns the seconds of ``36h`` or ``30d``.

    Raises:
        ValueError: the text is not a duration, is zero, or is more than a century.
    """
    form = _DURATION.fullmatch(text.strip())
    seconds = float(form[1]) * _UNIT_S[form[2].lower()] if form else math.inf
    if not 0 < seconds <= MAX_AGE_S:
        raise ValueError("must be a duration, such as 36h or 30d")
    return seconds


def finite_number(text: str) -> float:
    """Returns the number of ``75`` or ``0.5``.

    Raises:
        ValueError: the text is not a number, or not a finite one.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("must be a number, such as 75 or 0.5")
    return number


def absolute_path(text: str) -> str:
    """Returns an absolute path, because a scan may be resumed from another directory. An empty text stays empty."""
    return os.path.abspath(text) if text else text


def absolute_paths(text: str) -> tuple[str, ...]:
    """Returns one absolute path, for an option that may be repeated."""
    return (absolute_path(text),)


def column_mapping(text: str) -> tuple[tuple[str, str], ...]:
    """Returns the column and the field of ``MD5=md5``.

    Raises:
        ValueError: the equals sign, the column or the field is missing.
    """
    column, equals, field = text.partition("=")
    if not (equals and column.strip() and field.strip()):
        raise ValueError("must be COLUMN=FIELD")
    return ((column.strip(), field.strip()),)


def deny_list(text: str) -> tuple[ListSpec, ...]:
    """Returns the hash list of ``--list``.

    Raises:
        ValueError: an algorithm is named, but no file.
    """
    return (_list_spec(text, Role.DENY),)


def known_list(text: str) -> tuple[ListSpec, ...]:
    """Returns the hash list of ``--known``.

    Raises:
        ValueError: an algorithm is named, but no file.
    """
    return (_list_spec(text, Role.KNOWN),)


def _list_spec(text: str, role: Role) -> ListSpec:
    before, equals, path = text.partition("=")
    name, _, form = before.partition(":")
    imagehash_pre4 = form.strip().lower() == IMAGEHASH_PRE4
    stated = name if imagehash_pre4 else before
    algorithm = (canonical_name(stated) or perceptual_name(stated)) if equals else None
    if algorithm is None:
        return ListSpec(text, role)
    if not path:
        raise ValueError("must name a file after the equals sign")
    return ListSpec(path, role, algorithm, imagehash_pre4)


def perceptual_name(text: str) -> AlgorithmName | None:
    """Returns the name of the perceptual hash with this spelling, or ``None``."""
    folded = text.strip().lower()
    if not folded or not folded[0].isalpha() or "/" in folded:
        return None
    # Start-up: the registry of perceptual hashes imports numpy and Pillow.
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named  # noqa: PLC0415 # as above

    algorithm = algorithm_named(folded)
    return algorithm.name if algorithm is not None else None


def algorithm_name(text: str) -> AlgorithmName:
    """Returns the name of the digest or perceptual hash with this spelling.

    Raises:
        ValueError: the algorithm is unknown.
    """
    name = canonical_name(text) or perceptual_name(text)
    if name is None:
        raise ValueError(f"must be an algorithm: one of {', '.join(DIGESTS)}, or one of docs/concepts/perceptual.md")
    return name


def algorithm_names(text: str) -> tuple[AlgorithmName, ...]:
    """Returns the digests and the perceptual hashes of ``sha256,md5,pdq``.

    Raises:
        ValueError: an algorithm is unknown.
    """
    return tuple(algorithm_name(name) for name in text.split(",") if name.strip())


def container_categories(text: str) -> tuple[ContainerCategory, ...]:
    """Returns the categories of ``archives,mail``, each once and in their order; ``all`` and ``none`` stand alone.

    Raises:
        ValueError: a category is unknown.
    """
    names = {name.strip().lower() for name in text.split(",") if name.strip()}
    if names == {"none"}:
        return ()
    if names == {"all"}:
        return tuple(ContainerCategory)
    known = {category.value for category in ContainerCategory}
    if not names or not names <= known:
        raise ValueError(f"must be all, none, or some of {', '.join(sorted(known))}")
    return tuple(category for category in ContainerCategory if category.value in names)


def max_distance(text: str) -> tuple[tuple[AlgorithmName, int], ...]:
    """Returns the algorithm and the limit of ``pdq=31``.

    Raises:
        ValueError: the text does not have this form, or the algorithm is not a perceptual hash.
    """
    name, _, number = text.partition("=")
    algorithm = perceptual_name(name)
    if algorithm is None or not number.strip().isdigit():
        raise ValueError("must be ALGO=N with a perceptual hash, such as pdq=31")
    return ((algorithm, int(number)),)
