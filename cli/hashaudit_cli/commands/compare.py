"""``hashaudit compare``: shows how far two images are apart, to explain a finding."""

import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import HostError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.host.files import open_regular
from hashaudit.model.counted import counted
from hashaudit.model.results import AlgorithmName, ImageHashes, PerceptualHash
from hashaudit.scan.check_config import VARIANTS
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Option, options_of
from hashaudit.scan.option_values import algorithm_names
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log, print_json, quote

if TYPE_CHECKING:
    from rich.table import Table

    from hashaudit.content.perceptual.interface import PerceptualAlgorithm

DEFAULT_ALGORITHMS = "pdq,phash,dhash,whash"
SHOWN_ROWS = 12
"""Nearest variants of each algorithm in the table. JSON has all."""


class CompareOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    first: Annotated[str, Option("first", "An image.", argument=True, metavar="A")]
    second: Annotated[str, Option("second", "Another image.", argument=True, metavar="B")]
    algorithm: Annotated[
        tuple[AlgorithmName, ...],
        Option(
            "algorithm",
            "Compare by these digests and perceptual hashes.",
            short="a",
            metavar="ALGO,...",
            shown=DEFAULT_ALGORITHMS,
            parse=algorithm_names,
        ),
    ] = ()
    features: Annotated[
        bool,
        Option(
            "features",
            "Count the places that the first frames have in common. Explains a match, proves nothing. Needs the "
            "extra compare.",
        ),
    ] = False


@command(
    "compare",
    options_of(CompareOptions),
    select(ScanConfig, "variants"),
    options_of(JsonOption),
    examples=(
        "hashaudit compare original.jpg found.png",
        "hashaudit compare --variants thorough --features original.jpg screenshot.png",
    ),
)
def compare(settings: Settings) -> int:
    """Show how far two images are apart, by algorithm and variant, to explain a finding.

    The variants are those of A, by --variants: rotated, mirrored, without its border. B is used as it is.
    """
    from rich.console import Console

    from hashaudit.content.digests.multidigest import MultiDigest
    from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named

    own = settings.make(CompareOptions)
    variants = settings.make(ScanConfig, roots=()).variants
    if variants not in VARIANTS:
        raise UsageError(f"invalid --variants: '{variants}'; must be one of {', '.join(VARIANTS)}")
    _require_features(own)
    names = dict.fromkeys(own.algorithm or algorithm_names(DEFAULT_ALGORITHMS))
    contents = [_content(path) for path in (own.first, own.second)]
    if contents[0] == contents[1]:
        log("the two files are identical, byte by byte")
    for name in names:
        if name not in DIGESTS:
            continue
        values = []
        for content in contents:
            running = MultiDigest([name])
            running.update(content)
            values.append(running.digests()[name])
        log(f"{name}: {'equal' if values[0] == values[1] else 'different'}")
    algorithms = [
        algorithm for name in names if name not in DIGESTS and (algorithm := algorithm_named(name)) is not None
    ]
    found_a = hash_image(contents[0], algorithms, HashOptions(variants=Variants(variants)))
    found_b = hash_image(contents[1], algorithms, HashOptions(variants=Variants.NONE))
    for path, found in ((own.first, found_a), (own.second, found_b)):
        _report(path, found)
    rows = [row for algorithm in algorithms for row in _rows(algorithm, found_a.hashes, found_b.hashes)]
    agreement = _features(contents) if own.features else None
    if settings.make(JsonOption).as_json:
        print_json([*rows, *([agreement] if agreement else [])])
    elif rows:
        Console(file=sys.stdout, highlight=False).print(_table(_nearest(rows)))
    if agreement and not settings.make(JsonOption).as_json:
        print(_sentence(agreement))
    return ExitCode.INCOMPLETE if found_a.faults or found_b.faults else ExitCode.COMPLETE


class Row(msgspec.Struct, frozen=True):
    """The distance of one variant of A to one frame of B."""

    algorithm: AlgorithmName
    variant: str
    view: str
    trimmed: bool
    frame_a: int
    frame_b: int
    distance: int
    bits: int
    threshold: int
    quality_a: int | None
    quality_b: int | None


class Features(msgspec.Struct, frozen=True):
    """The places that A and B have in common."""

    places_a: int
    places_b: int
    pairs: int
    agreeing: int
    is_common: bool
    changed: str
    degrees: float | None
    scale: float | None
    algorithm: str = "features"


def _require_features(own: CompareOptions) -> None:
    from hashaudit.content.perceptual import local_features

    if own.features and not local_features.is_installed():
        raise HostError(
            "cannot count common places: '--features'; OpenCV is not installed",
            hint=f"pip install 'hashaudit[{local_features.EXTRA}]'",
        )


def _features(contents: Sequence[bytes]) -> Features | None:
    """Compares the first frames; ``None`` if one cannot be decoded, which is reported elsewhere."""
    from hashaudit.content.images.decode import Frame, decode
    from hashaudit.content.images.limits import DecodeLimits
    from hashaudit.content.perceptual.local_features import compare_features

    first = [item for data in contents for item in islice(decode(data, DecodeLimits(), colour=True), 1)]
    one, other = first if len(first) == len(contents) else (None, None)
    if not isinstance(one, Frame) or not isinstance(other, Frame):
        return None
    found = compare_features(one.luma, other.luma)
    # Adding 0 turns the rounded -0.0 into 0.
    turn = (round(found.degrees or 0, 1) + 0.0, round(found.scale or 0, 3)) if found.is_common else (None, None)
    return Features(found.places_a, found.places_b, found.pairs, found.agreeing, found.is_common, found.changed, *turn)


def _sentence(found: Features) -> str:
    places = f"{counted(found.agreeing, 'place')} of {min(found.places_a, found.places_b):,}"
    if not found.is_common:
        return f"local features: {places} agree; nothing shows that A and B have a part in common"
    how = f"{found.changed}, " if found.changed else ""
    turn = f"{how}rotated by {found.degrees:.1f} degrees and scaled by {found.scale:.2f}"
    return (
        f"local features: {places} agree; A and B have a part in common, in B {turn}. This explains a match and does "
        "not prove it"
    )


def _report(path: str, found: ImageHashes) -> None:
    """Reports what of an image is not compared."""
    shown = quote(path.encode(errors="surrogateescape"))
    for fault in found.faults:
        log(f"{shown}: {fault.code}: {fault.message}")
    if found.frames_skipped:
        log(f"{shown}: {counted(found.frames_skipped, 'frame')} beyond the limit not compared")
    if not found.hashes and not found.faults:
        log(f"{shown}: {f'an image without a hash: {found.no_hash}' if found.no_hash else 'not an image'}")


def _content(path: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise HostError(f"cannot read: '{path}'; {error.strerror}") from error


def _rows(
    algorithm: "PerceptualAlgorithm", hashes_a: Sequence[PerceptualHash], hashes_b: Sequence[PerceptualHash]
) -> list[Row]:
    from hashaudit.content.perceptual.distance import distance

    rows = [
        Row(
            algorithm=algorithm.name,
            variant=one.variant,
            view=one.view,
            trimmed=one.trimmed,
            frame_a=one.frame,
            frame_b=other.frame,
            distance=distance(algorithm.metric, bytes.fromhex(one.value), bytes.fromhex(other.value)),
            bits=algorithm.bits,
            threshold=algorithm.threshold,
            quality_a=one.quality,
            quality_b=other.quality,
        )
        for one in hashes_a
        for other in hashes_b
        if one.algorithm == other.algorithm == algorithm.name
    ]
    return sorted(rows, key=lambda row: (row.distance, row.trimmed, row.frame_a, row.frame_b))


def _nearest(rows: Sequence[Row]) -> list[Row]:
    """Returns the nearest rows of each algorithm, and reports the number of others."""
    kept: list[Row] = []
    for name in dict.fromkeys(row.algorithm for row in rows):
        kept += [row for row in rows if row.algorithm == name][:SHOWN_ROWS]
    if len(kept) < len(rows):
        log(f"{counted(len(rows) - len(kept), 'farther variant')} not shown; --json has all")
    return kept


def _table(rows: Sequence[Row]) -> "Table":
    from rich.table import Table

    table = Table()
    for name in ("Algorithm", "Variant of A", "Frames", "Distance", "Of bits", "Match up to", "Quality"):
        table.add_column(name, justify="left" if name in {"Algorithm", "Variant of A"} else "right")
    for row in rows:
        quality = "" if row.quality_a is None else f"{row.quality_a} / {row.quality_b}"
        variant = ", ".join(filter(None, (row.variant, row.view, "trimmed" if row.trimmed else "")))
        style = "bold" if row.distance <= row.threshold else ""
        cells = (row.algorithm, variant, f"{row.frame_a} / {row.frame_b}", str(row.distance), str(row.bits))
        table.add_row(*cells, str(row.threshold), quality, style=style)
    return table
