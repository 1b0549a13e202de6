"""``hashaudit compare``: shows how far two images are apart, to explain a finding."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import HostError
from hashaudit.exit_codes import ExitCode
from hashaudit.host.files import open_regular
from hashaudit.model.results import AlgorithmName, ImageHashes, PerceptualHash
from hashaudit.scan.option import Option, options_of
from hashaudit.scan.option_values import algorithm_names
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import counted, log, print_json, quote

if TYPE_CHECKING:
    from rich.table import Table

    from hashaudit.content.perceptual.interface import PerceptualAlgorithm

DEFAULT_ALGORITHMS = "pdq,phash,dhash,whash"


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


@command(
    "compare",
    options_of(CompareOptions),
    options_of(JsonOption),
    examples=("hashaudit compare original.jpg found.png",),
)
def compare(settings: Settings) -> int:
    """Show how far two images are apart, by algorithm and variant, to explain a finding.

    The variants are those of A: rotated, mirrored, without its border. B is used as it is.
    """
    from rich.console import Console

    from hashaudit.content.digests.multidigest import MultiDigest
    from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
    from hashaudit.content.perceptual.perceptual_registry import algorithm_named

    own = settings.make(CompareOptions)
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
    found_a = hash_image(contents[0], algorithms, HashOptions(variants=Variants.ALL))
    found_b = hash_image(contents[1], algorithms, HashOptions(variants=Variants.NONE))
    for path, found in ((own.first, found_a), (own.second, found_b)):
        _report(path, found)
    rows = [row for algorithm in algorithms for row in _rows(algorithm, found_a.hashes, found_b.hashes)]
    if settings.make(JsonOption).as_json:
        print_json(rows)
    elif rows:
        Console(file=sys.stdout, highlight=False).print(_table(rows))
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
        raise HostError(f"cannot read '{path}'; {error.strerror}") from error


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
