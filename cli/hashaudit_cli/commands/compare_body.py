"""The body of ``compare``: hashes two images and shows their distances."""

import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.content.perceptual.distance import distance
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.perceptual_registry import algorithm_named
from hashaudit.errors import HostError
from hashaudit.exit_codes import ExitCode
from hashaudit.host.files import open_regular
from hashaudit.model.results import AlgorithmName, PerceptualHash
from hashaudit_cli.ui.terminal import log, quote


class Row(msgspec.Struct, frozen=True):
    """The distance of one variant of A to one frame of B."""

    algorithm: AlgorithmName
    variant: str
    trimmed: bool
    frame_a: int
    frame_b: int
    distance: int
    bits: int
    threshold: int
    quality_a: int | None
    quality_b: int | None


def run_compare(
    first: str, second: str, digests: Sequence[AlgorithmName], perceptual: Sequence[AlgorithmName], *, as_json: bool
) -> int:
    """Compares two files; for each algorithm the nearest variant first.

    Raises:
        HostError: a file cannot be read.
    """
    contents = [_content(path) for path in (first, second)]
    if contents[0] == contents[1]:
        log("the two files are identical, byte by byte")
    for name in digests:
        values = []
        for content in contents:
            running = MultiDigest([name])
            running.update(content)
            values.append(running.digests()[name])
        log(f"{name}: {'equal' if values[0] == values[1] else 'different'}")
    algorithms = [algorithm for name in perceptual if (algorithm := algorithm_named(name)) is not None]
    hashes_a, faults_a = hash_image(contents[0], algorithms, HashOptions(variants=Variants.ALL))
    hashes_b, faults_b = hash_image(contents[1], algorithms, HashOptions(variants=Variants.NONE))
    for path, faults, hashes in ((first, faults_a, hashes_a), (second, faults_b, hashes_b)):
        for fault in faults:
            log(f"{quote(path.encode(errors='surrogateescape'))}: {fault.code}: {fault.message}")
        if not hashes and not faults:
            log(f"{quote(path.encode(errors='surrogateescape'))}: not an image, or one without content to hash")
    rows = [row for algorithm in algorithms for row in _rows(algorithm, hashes_a, hashes_b)]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif rows:
        Console(file=sys.stdout, highlight=False).print(_table(rows))
    return ExitCode.INCOMPLETE if faults_a or faults_b else ExitCode.COMPLETE


def _content(path: str) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise HostError(f"cannot read '{path}'; {error.strerror}") from error


def _rows(
    algorithm: PerceptualAlgorithm, hashes_a: Sequence[PerceptualHash], hashes_b: Sequence[PerceptualHash]
) -> list[Row]:
    rows = [
        Row(
            algorithm=algorithm.name,
            variant=one.variant,
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


def _table(rows: Sequence[Row]) -> Table:
    table = Table()
    for name in ("Algorithm", "Variant of A", "Frames", "Distance", "Of bits", "Match up to", "Quality"):
        table.add_column(name, justify="left" if name in {"Algorithm", "Variant of A"} else "right")
    for row in rows:
        quality = "" if row.quality_a is None else f"{row.quality_a} / {row.quality_b}"
        variant = f"{row.variant}, trimmed" if row.trimmed else row.variant
        style = "bold" if row.distance <= row.threshold else ""
        cells = (row.algorithm, variant, f"{row.frame_a} / {row.frame_b}", str(row.distance), str(row.bits))
        table.add_row(*cells, str(row.threshold), quality, style=style)
    return table
