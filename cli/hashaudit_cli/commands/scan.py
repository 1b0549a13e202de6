"""``hashaudit scan``: the main job."""

import os
from typing import Annotated

import typer

from hashaudit_cli.exits import guarded
from hashaudit_cli.options import (
    FINDINGS,
    LIMITS,
    LISTS,
    PICTURES,
    STORES,
    WALK,
    CategoryOption,
    EndpointOption,
    ExecutorOption,
    KeyOption,
    LowImpactOption,
    MapOption,
    PassphraseFdOption,
    PassphraseFileOption,
    PathStyleOption,
    PayerOption,
    RateOption,
    SchedulerOption,
    ScoreOption,
    WaitOption,
    algorithm_names,
    bytes_amount,
    column_map,
    distances,
    list_specs,
    raw,
)


def scan(  # noqa: PLR0917 # Typer reads the command's options from its parameters
    roots: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ROOT", help="Folders, files, s3://BUCKET/PREFIX, az://CONTAINER/PREFIX.", show_default=False
        ),
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option(
            "--list",
            metavar="LIST",
            help="Hashes to look for: a file, or a folder of pages. `ALGO=FILE` states an algorithm that it does not.",
            rich_help_panel=LISTS,
        ),
    ] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Hashes or a Bloom filter of known files. A hit is no finding and hides none.",
            rich_help_panel=LISTS,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the findings to this new file and its signature to FILE.sig. Default: standard output.",
            rich_help_panel=FINDINGS,
        ),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Go on with the interrupted run that wrote FILE. Needs nothing else; what is given must be as then.",
            rich_help_panel=FINDINGS,
        ),
    ] = None,
    key: KeyOption = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Do not sign: damage shows, forgery does not.", rich_help_panel=FINDINGS)
    ] = False,
    passphrase_file: PassphraseFileOption = None,
    passphrase_fd: PassphraseFdOption = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            help="Worker processes. Default: by device and processors.",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    executor: ExecutorOption = None,
    scheduler: SchedulerOption = None,
    wait_for_workers: WaitOption = 120.0,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            "-a",
            "--algorithm",
            metavar="ALGO,...",
            help="Digests and perceptual hashes to compute besides those the lists need.",
        ),
    ] = None,
    max_rate: RateOption = None,
    low_impact: LowImpactOption = False,
    columns: MapOption = None,
    only_category: CategoryOption = None,
    min_score: ScoreOption = None,
    category_scheme: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Names for categories: vics-us, ncmec, or a JSON file. None is assumed.",
            rich_help_panel=LISTS,
        ),
    ] = None,
    max_distance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ALGO=N",
            help="Largest distance of a perceptual match. Default: pdq=31, 64-bit hashes 4.",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    min_quality: Annotated[
        int,
        typer.Option(
            metavar="N", help="PDQ quality below which a match is marked low_quality.", rich_help_panel=PICTURES
        ),
    ] = 50,
    frames: Annotated[
        int, typer.Option(metavar="N", help="Frames of one picture that are hashed.", rich_help_panel=PICTURES)
    ] = 33,
    variants: Annotated[
        str,
        typer.Option(
            metavar="none|dihedral|all",
            help="Also turned and mirrored; also without a uniform border.",
            rich_help_panel=PICTURES,
        ),
    ] = "all",
    no_perceptual: Annotated[
        bool, typer.Option("--no-perceptual", help="Decode no pictures.", rich_help_panel=PICTURES)
    ] = False,
    hasher: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:CALLABLE",
            help="Plug a perceptual hash in. Its code runs in the workers.",
            rich_help_panel=PICTURES,
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Examine only files that match; with a / in GLOB their path below ROOT.",
            rich_help_panel=WALK,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Leave out files and folders that match; counted.", rich_help_panel=WALK),
    ] = None,
    one_file_system: Annotated[
        bool, typer.Option("--one-file-system", help="Stay on each ROOT's filesystem.", rich_help_panel=WALK)
    ] = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Follow symbolic links met in the walk.", rich_help_panel=WALK)
    ] = False,
    allow_different_root: Annotated[
        bool,
        typer.Option(
            "--allow-different-root", help="Resume on other storage than before; recorded.", rich_help_panel=WALK
        ),
    ] = False,
    max_memory: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            help="Memory of each worker beyond what the lists take, such as 512M or 2G.",
            rich_help_panel=LIMITS,
        ),
    ] = "4G",
    file_timeout: Annotated[
        float,
        typer.Option(
            metavar="S", help="Seconds without a byte after which a file is given up.", rich_help_panel=LIMITS
        ),
    ] = 120.0,
    decode_timeout: Annotated[
        float,
        typer.Option(
            metavar="S", help="Seconds for decoding a picture; one more for each MiB of it.", rich_help_panel=LIMITS
        ),
    ] = 60.0,
    require_sandbox: Annotated[
        bool,
        typer.Option(
            "--require-sandbox", help="Refuse to run where workers cannot be locked in.", rich_help_panel=LIMITS
        ),
    ] = False,
    endpoint_url: EndpointOption = None,
    request_payer: PayerOption = False,
    path_style: PathStyleOption = False,
    all_versions: Annotated[
        bool,
        typer.Option(
            "--all-versions", help="Examine every version of every key; count delete markers.", rich_help_panel=STORES
        ),
    ] = False,
    inventory: Annotated[
        str | None,
        typer.Option(
            metavar="MANIFEST",
            help="Take the keys of s3:// from this S3 Inventory (CSV); a file or URL.",
            rich_help_panel=STORES,
        ),
    ] = None,
    reconcile: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="ROOT is where this s3:// or az:// URL is mounted: each key that the mount hides is a fault.",
            rich_help_panel=STORES,
        ),
    ] = None,
    read_unlisted: Annotated[
        bool,
        typer.Option(
            "--read-unlisted", help="Examine what the mount hides through the store itself.", rich_help_panel=STORES
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Examine only part I (from 1) of N: for arrays of jobs, whose files `hashaudit merge` joins.",
            rich_help_panel=WALK,
        ),
    ] = None,
    record: Annotated[
        str,
        typer.Option(
            "--record",
            metavar="findings|all",
            help="Write records of findings and faults only, or of every file.",
            rich_help_panel=FINDINGS,
        ),
    ] = "findings",
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Keep hashes in FILE, and read only files that are new or have changed.",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    cache_verify: Annotated[
        float,
        typer.Option(
            metavar="PERCENT",
            help="Read so many of the unchanged files all the same, and compare.",
            rich_help_panel=LIMITS,
        ),
    ] = 0.0,
    case: Annotated[
        str | None, typer.Option(metavar="ID", help="Case number, for the record.", rich_help_panel=FINDINGS)
    ] = None,
    exhibit: Annotated[
        str | None, typer.Option(metavar="ID", help="Exhibit number, for the record.", rich_help_panel=FINDINGS)
    ] = None,
    examiner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who examines, for the record.", rich_help_panel=FINDINGS)
    ] = None,
    note: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Anything else, for the record.", rich_help_panel=FINDINGS)
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only errors on standard error.")] = False,
) -> None:
    """Examine every file below each ROOT and write signed findings.

    Each file is read once, hashed, and looked up in the lists. Every file ends as examined or as a
    fault, and the exit code says if anything was not examined.

    `hashaudit scan /srv --list bad.txt -o findings.jsonl`

    `hashaudit scan /mnt/evidence --list md5=case.txt --known nsrl.txt --record all --case 17 -o run.jsonl`

    `hashaudit scan --resume run.jsonl`
    """

    def body() -> int:
        from hashaudit.errors import UsageError  # noqa: PLC0415 # as above
        from hashaudit.lists.selection import Selection  # noqa: PLC0415 # as above
        from hashaudit.objectstores.interface import StoreOptions  # noqa: PLC0415 # as above
        from hashaudit.scan.categories import scheme_named  # noqa: PLC0415 # as above
        from hashaudit.scan.config import ScanConfig, executor_named, record_scope_named  # noqa: PLC0415 # start-up: --help needs none of this
        from hashaudit.sources.open_source import BucketOptions  # noqa: PLC0415 # as above
        from hashaudit.sources.shard import Shard  # noqa: PLC0415 # as above
        from hashaudit_cli.commands.scan_body import run_scan  # noqa: PLC0415 # as above
        from hashaudit_cli.passphrase import signing_options  # noqa: PLC0415 # as above

        digests, perceptual = algorithm_names(algorithm or [])
        config = ScanConfig(
            roots=tuple(raw(root) for root in roots or []),
            lists=list_specs(deny or [], known or []),
            columns=column_map(columns or []),
            selection=Selection(tuple(only_category or ()), min_score),
            category_names=scheme_named(category_scheme) if category_scheme is not None else {},
            algorithms=digests,
            perceptual_algorithms=perceptual,
            perceptual=not no_perceptual,
            max_distances=distances(max_distance or []),
            min_quality=min_quality,
            max_frames=frames,
            variants=variants,
            hashers=tuple(hasher or ()),
            include=tuple(raw(glob) for glob in include or []),
            exclude=tuple(raw(glob) for glob in exclude or []),
            one_file_system=one_file_system,
            follow_links=follow_links,
            allow_different_root=allow_different_root,
            max_memory_bytes=bytes_amount("--max-memory", max_memory) or 0,
            file_timeout_s=file_timeout,
            decode_timeout_s=decode_timeout,
            require_sandbox=require_sandbox,
            buckets=BucketOptions(
                store=StoreOptions(endpoint_url, request_payer, path_style),
                all_versions=all_versions,
                inventory=raw(inventory) if inventory is not None else None,
                reconcile=raw(reconcile) if reconcile is not None else None,
                read_unlisted=read_unlisted,
            ),
            shard=None if shard is None else Shard.parse(shard),
            record=record_scope_named(record),
            # The run may be gone on with from another folder.
            cache=os.path.abspath(cache) if cache else cache,
            cache_verify_percent=cache_verify,
            executor=None if executor is None else executor_named(executor),
            scheduler=scheduler,
            wait_for_workers_s=wait_for_workers,
            workers=jobs,
            max_rate_bytes_per_s=bytes_amount("--max-rate", max_rate),
            low_impact=low_impact,
            case=case,
            exhibit=exhibit,
            examiner=examiner,
            note=note,
        )
        if resume is not None and output is not None:
            raise UsageError("--resume continues FILE", hint="do not use --output")
        signing = signing_options(key, passphrase_file, passphrase_fd, unsigned=unsigned)
        return run_scan(config, output=output, resume=resume, signing=signing, quiet=quiet)

    raise typer.Exit(guarded(body))
