"""``hashaudit hash`` and ``hashaudit compare``: hash own files, to create lists and to explain findings."""

from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import (
    EndpointOption,
    LowImpactOption,
    PathStyleOption,
    PayerOption,
    RateOption,
    algorithm_names,
    bytes_amount,
    raw,
)


def hash_files(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    roots: Annotated[list[str], typer.Argument(metavar="ROOT", help="Directories, files, s3://BUCKET/PREFIX to hash.")],
    algorithm: Annotated[
        list[str] | None,
        typer.Option("-a", "--algorithm", metavar="ALGO,...", help="Such as pdq,phash,sha256. Default: sha256."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="list|jsonl|csv", help="What to write for each file.")
    ] = "list",
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="A new file. Default: standard output.")
    ] = None,
    frames: Annotated[int, typer.Option(metavar="N", help="Frames of one image to hash.")] = 33,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", metavar="N", help="Worker processes.")] = None,
    max_rate: RateOption = None,
    low_impact: LowImpactOption = False,
    endpoint_url: EndpointOption = None,
    request_payer: PayerOption = False,
    path_style: PathStyleOption = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only faults and errors on standard error.")] = False,
) -> None:
    """Hash files, to create a list from your own reference images or documents.

    `hashaudit hash pictures -a pdq,sha256 -o reference.txt` creates a list usable with `scan --list` and
    `lists build`.
    """

    def body() -> int:
        from hashaudit.objectstores.interface import StoreOptions  # noqa: PLC0415 # as above
        from hashaudit.scan.config import RecordScope, ScanConfig, checked  # noqa: PLC0415 # start-up: --help needs none of this
        from hashaudit.sources.open_source import BucketOptions  # noqa: PLC0415 # as above
        from hashaudit_cli.commands.hash_body import run_hash  # noqa: PLC0415 # as above

        digests, perceptual = algorithm_names(algorithm or [])
        config = ScanConfig(
            roots=tuple(raw(root) for root in roots),
            algorithms=digests,
            perceptual_algorithms=perceptual,
            max_frames=frames,
            variants="none",
            record=RecordScope.ALL,
            buckets=BucketOptions(store=StoreOptions(endpoint_url, request_payer, path_style)),
            workers=jobs,
            max_rate_bytes_per_s=bytes_amount("--max-rate", max_rate),
            low_impact=low_impact,
        )
        return run_hash(checked(config), output=output, form=form, quiet=quiet)

    raise typer.Exit(guarded(body))


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A picture.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another picture.")],
    algorithm: Annotated[
        list[str] | None, typer.Option("-a", "--algorithm", metavar="ALGO,...", help="Default: pdq,phash,dhash,whash.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how far two pictures are apart, by algorithm and variant, to explain a finding.

    The variants are those of A: turned, mirrored, without its border. B is taken as it is.
    """

    def body() -> int:
        from hashaudit_cli.commands.compare_body import run_compare  # noqa: PLC0415 # start-up: --help needs none of this

        digests, perceptual = algorithm_names(algorithm or ["pdq,phash,dhash,whash"])
        return run_compare(first, second, digests, perceptual, as_json=as_json)

    raise typer.Exit(guarded(body))
