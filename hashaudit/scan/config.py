"""The options of a scan, each declared once, and the checks of their values."""

from enum import StrEnum
from typing import Annotated

import msgspec

from hashaudit.host.sandbox.sandbox import DEFAULT_MEMORY_BYTES
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.malformed_limit import malformed_limit, malformed_limit_text
from hashaudit.lists.selection import Selection
from hashaudit.lists.tolerance import Tolerance
from hashaudit.model.containers import ContainerCategory
from hashaudit.model.file_pieces import PieceConfig
from hashaudit.model.results import AlgorithmName
from hashaudit.model.secret_masking import mask_address, mask_secrets
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.scan.categories import scheme_named
from hashaudit.scan.option import INTERNAL, UNRECORDED, Group, Option, Origin, Resume
from hashaudit.scan.option_values import (
    LIST_SEPARATOR,
    absolute_path,
    absolute_paths,
    age_s,
    algorithm_names,
    bytes_amount,
    column_mapping,
    container_categories,
    deny_list,
    duration_s,
    finite_number,
    known_list,
    max_distance,
)
from hashaudit.sources.bucket_options import BucketOptions
from hashaudit.sources.shard import Shard


class ExecutorKind(StrEnum):
    """Where entries are examined."""

    LOCAL = "local"
    """By worker processes of this machine."""
    DASK = "dask"
    """By those of a Dask cluster."""


class RecordScope(StrEnum):
    """The files that get a record."""

    FINDINGS = "findings"
    """Findings and faults only."""
    ALL = "all"
    """Every file."""


class Guards(StrEnum):
    """The effect of a guard against an empty "clean"."""

    WARN = "warn"
    """A fault, and a warning that ``-q`` does not silence."""
    ERROR = "error"
    """The scan does not start, if the cause is known before."""


class ScanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one scan: the table from which the command line, the header and the comparison of scans are made.

    Use :func:`checked` on values that a user gave. Limits have the unit in their names.
    """

    roots: Annotated[
        tuple[bytes, ...],
        Option(
            "roots",
            "Directories, files, s3://BUCKET/PREFIX or az://CONTAINER/PREFIX to scan.",
            Group.NONE,
            argument=True,
            metavar="ROOT",
            optional=True,
            in_config=False,
        ),
    ]
    deny_lists: Annotated[
        tuple[ListSpec, ...],
        Option(
            "list",
            "Match the hashes of this list: a file, or a directory of pages. Use ALGO=FILE if the list does not "
            "name its algorithm.",
            Group.LISTS,
            metavar="LIST",
            parse=deny_list,
            is_input=True,
            separator=LIST_SEPARATOR,
            header="lists",
            in_config=False,
        ),
    ] = ()
    known_lists: Annotated[
        tuple[ListSpec, ...],
        Option(
            "known",
            "Mark known files by this list or Bloom filter. A known file neither is nor hides a finding.",
            Group.LISTS,
            metavar="LIST",
            parse=known_list,
            is_input=True,
            separator=LIST_SEPARATOR,
            in_config=False,
        ),
    ] = ()
    columns: Annotated[
        dict[str, str],
        Option(
            "column-map",
            "Map a CSV or TSV column to a field: the name of a digest or of a label, id, or size.",
            Group.LISTS,
            metavar="COLUMN=FIELD",
            parse=column_mapping,
        ),
    ] = {}
    only_categories: Annotated[
        tuple[str, ...],
        Option(
            "only-category",
            "Keep only list entries of this category, as the list names it.",
            Group.LISTS,
            metavar="CATEGORY",
        ),
    ] = ()
    min_score: Annotated[
        float | None,
        Option(
            "min-score",
            "Ignore list entries with a lower score.",
            Group.LISTS,
            metavar="N",
            shown="none",
            parse=finite_number,
        ),
    ] = None
    max_malformed: Annotated[
        str | None,
        Option(
            "max-malformed",
            "Accept a list with at most N malformed lines, or N% of its lines.",
            Group.LISTS,
            metavar="N|N%",
            shown="1%, at most 100; 0 where a program wrote the list",
            parse=malformed_limit_text,
        ),
    ] = None
    min_entries: Annotated[
        int,
        Option(
            "min-entries",
            "Report a --list with fewer entries than this as a fault.",
            Group.LISTS,
            metavar="N",
            minimum=0,
        ),
    ] = 0
    max_list_age_s: Annotated[
        float | None,
        Option(
            "max-list-age",
            "Report a --list whose file is older than this as a fault, such as 36h or 30d.",
            Group.LISTS,
            metavar="TIME",
            unit="seconds",
            shown="any age",
            parse=age_s,
        ),
    ] = None
    include_unmarked: Annotated[
        bool,
        Option(
            "include-unmarked",
            "Accept hashes that a MISP list does not mark for detection.",
            Group.LISTS,
        ),
    ] = False
    category_names: Annotated[
        dict[str, str],
        Option(
            "category-scheme",
            "Name categories by a scheme: vics-us, ncmec, or a JSON file.",
            Group.LISTS,
            metavar="NAME|FILE",
            parse=scheme_named,
            repeatable=False,
            shown="none",
        ),
    ] = {}
    accept: Annotated[
        tuple[str, ...],
        Option(
            "accept",
            "Accept the findings that this TOML file names. They stay in the record.",
            Group.LISTS,
            metavar="FILE",
            parse=absolute_paths,
            separator=r"\n",
            header="acceptances",
            in_config=False,
        ),
    ] = ()
    """Absolute paths."""
    accept_signers: Annotated[
        str | None,
        Option(
            "accept-signers",
            "Require that a signer in this allowed_signers file signed each file of --accept.",
            Group.LISTS,
            metavar="FILE",
            shown="a signature is optional",
            parse=absolute_path,
        ),
    ] = None
    algorithms: Annotated[
        tuple[AlgorithmName, ...],
        Option(
            "algorithm",
            "Compute these digests and perceptual hashes as well as those that the lists need.",
            Group.LISTS,
            short="a",
            metavar="ALGO,...",
            parse=algorithm_names,
        ),
    ] = ()
    """Digests. Before :func:`checked`, also perceptual hashes."""
    rasters: Annotated[bool, INTERNAL] = False
    """Images in documents that are not files by themselves are members, also if no image is decoded."""
    perceptual_algorithms: Annotated[tuple[AlgorithmName, ...], INTERNAL] = ()
    """Perceptual hashes computed as well as those that the lists need."""
    include: Annotated[
        tuple[bytes, ...],
        Option(
            "include",
            "Scan only files that match. A GLOB with a / matches the path below ROOT; FILE!/MEMBER selects members of "
            "containers.",
            Group.FILES,
            metavar="GLOB",
            header="inclusions",
            in_config=False,
        ),
    ] = ()
    exclude: Annotated[
        tuple[bytes, ...],
        Option(
            "exclude",
            "Skip and count matching files and directories, or with FILE!/MEMBER members of containers.",
            Group.FILES,
            metavar="GLOB",
            header="exclusions",
            in_config=False,
        ),
    ] = ()
    one_file_system: Annotated[bool, Option("one-file-system", "Stay on the filesystem of each ROOT.", Group.FILES)] = (
        False
    )
    follow_links: Annotated[bool, Option("follow-links", "Follow symbolic links found while walking.", Group.FILES)] = (
        False
    )
    require_mount: Annotated[
        bool, Option("require-mount", "Report a ROOT that is not a mount point as a fault.", Group.FILES)
    ] = False
    min_files: Annotated[
        int,
        Option(
            "min-files",
            "Report fewer files than this as a fault, and a ROOT without any. 0: an empty ROOT is in order.",
            Group.FILES,
            metavar="N",
            minimum=0,
            shown="1",
        ),
    ] = 0
    """The library has 0. The command has 1, and 0 for a shard, which may rightly find no file."""
    guards: Annotated[
        Guards,
        Option(
            "guards",
            "Report as faults what --require-mount, --min-files, --min-entries and --max-list-age find, or refuse to "
            "start if it is known before.",
            Group.FILES,
            metavar="warn|error",
        ),
    ] = Guards.WARN
    allow_different_root: Annotated[
        bool,
        Option(
            "allow-different-root",
            "Resume on other storage than before; the difference is recorded.",
            Group.FILES,
            resume=Resume.FREE,
        ),
    ] = False
    inside: Annotated[
        tuple[ContainerCategory, ...],
        Option(
            "inside",
            "Examine the members of these containers: archives, documents, mail, databases, images, all or none.",
            Group.CONTAINERS,
            metavar="KIND,...",
            parse=container_categories,
            repeatable=False,
            shown="archives,documents,mail",
        ),
    ] = (ContainerCategory.ARCHIVES, ContainerCategory.DOCUMENTS, ContainerCategory.MAIL)
    inside_depth: Annotated[
        int,
        Option("inside-depth", "Open at most this many containers within one another.", Group.CONTAINERS, metavar="N"),
    ] = 8
    inside_bytes: Annotated[
        int,
        Option(
            "inside-bytes",
            "Unpack at most this many bytes inside one file, or 100 times its size.",
            Group.CONTAINERS,
            metavar="SIZE",
            unit="bytes",
            shown="64G",
            parse=bytes_amount,
        ),
    ] = 64 << 30
    inside_known: Annotated[
        bool,
        Option("inside-known", "Open also containers that a known list names as a whole.", Group.CONTAINERS),
    ] = False
    passwords: Annotated[
        str | None,
        Option(
            "passwords",
            "Try the passwords in FILE, one a line, on encrypted members of containers.",
            Group.CONTAINERS,
            metavar="FILE",
            shown="none",
            parse=absolute_path,
        ),
    ] = None
    """Absolute path. The passwords themselves are part of no record."""
    perceptual: Annotated[
        bool,
        Option("perceptual", "Decode images if a list or -a needs a perceptual hash.", Group.IMAGES),
    ] = True
    max_distances: Annotated[
        dict[AlgorithmName, int],
        Option(
            "max-distance",
            "Match perceptual hashes up to this distance.",
            Group.IMAGES,
            metavar="ALGO=N",
            unit="bits",
            shown="pdq=31, 64-bit hashes 4",
            parse=max_distance,
        ),
    ] = {}
    """Inclusive. Other algorithms have their own threshold."""
    min_quality: Annotated[
        int,
        Option("min-quality", "Mark PDQ matches below this quality.", Group.IMAGES, metavar="N"),
    ] = 50
    """A match of lower quality is marked ``low_quality`` because its hash is unstable."""
    max_frames: Annotated[
        int,
        Option(
            "max-frames",
            "Hash at most this many frames of an image that differ from the one before.",
            Group.IMAGES,
            metavar="N",
        ),
    ] = 1_000
    """Frames beyond the limit are counted in the record, and are a fault if a list has perceptual hashes."""
    variants: Annotated[
        str,
        Option(
            "variants",
            "Match images as they are, also rotated, also as negative or without border, or also their parts.",
            Group.IMAGES,
            metavar="none|dihedral|all|thorough",
        ),
    ] = "all"
    """One of :data:`VARIANTS`."""
    hashers: Annotated[
        tuple[str, ...],
        Option(
            "hasher",
            "Load a custom perceptual hash. Its code runs in the workers.",
            Group.IMAGES,
            metavar="MODULE:CALLABLE",
            separator=r"\n",
        ),
    ] = ()
    decode_timeout_s: Annotated[
        float,
        Option(
            "decode-timeout",
            "Stop decoding an image after this time, plus one second for each MiB.",
            Group.IMAGES,
            metavar="S",
            unit="seconds",
        ),
    ] = 60.0
    """A hundred times what the largest photographs take."""
    record: Annotated[
        RecordScope,
        Option(
            "record",
            "Write records of findings and faults only, or of every file.",
            Group.OUTPUT,
            metavar="findings|all",
        ),
    ] = RecordScope.FINDINGS
    workers: Annotated[
        int | None,
        Option(
            "jobs",
            "Run this many worker processes.",
            Group.PERFORMANCE,
            short="j",
            metavar="N",
            shown="by device type and processors",
            resume=Resume.FREE,
        ),
    ] = None
    """On a cluster, the processes of each Dask worker."""
    max_rate_bytes_per_s: Annotated[
        int | None,
        Option(
            "max-rate",
            "Limit the read rate of all workers together, such as 50M or 1G.",
            Group.PERFORMANCE,
            metavar="SIZE",
            unit="bytes per second",
            shown="no limit",
            parse=bytes_amount,
            resume=Resume.FREE,
        ),
    ] = None
    low_impact: Annotated[
        bool,
        Option(
            "low-impact",
            "Run at the lowest processor priority and in the idle class of the disk.",
            Group.PERFORMANCE,
            resume=Resume.FREE,
        ),
    ] = False
    cache: Annotated[
        str | None,
        Option(
            "cache",
            "Keep hashes in FILE, and read only new and changed files and objects.",
            Group.PERFORMANCE,
            metavar="FILE",
            shown="none",
            parse=absolute_path,
            resume=Resume.SHARD,
        ),
    ] = None
    """Absolute path."""
    cache_verify_percent: Annotated[
        float,
        Option(
            "cache-verify",
            "Read this share of the unchanged files and objects again and compare.",
            Group.PERFORMANCE,
            metavar="N",
            unit="percent",
            resume=Resume.SHARD,
        ),
    ] = 0.0
    max_memory_bytes: Annotated[
        int,
        Option(
            "max-memory",
            "Limit the memory of each worker, not counting the lists, such as 512M or 2G.",
            Group.PERFORMANCE,
            metavar="SIZE",
            unit="bytes",
            shown=f"{DEFAULT_MEMORY_BYTES >> 30}G",
            parse=bytes_amount,
        ),
    ] = DEFAULT_MEMORY_BYTES
    """Beyond what a worker uses when it is ready."""
    file_timeout_s: Annotated[
        float,
        Option(
            "file-timeout",
            "Give up on a file after this time without data.",
            Group.PERFORMANCE,
            metavar="S",
            unit="seconds",
        ),
    ] = 120.0
    """Longer than a disk's own retries of a bad sector."""
    max_time_s: Annotated[
        float | None,
        Option(
            "max-time",
            "End the scan in order after this time, such as 30m or 6h. It can be resumed.",
            Group.PERFORMANCE,
            metavar="TIME",
            unit="seconds",
            shown="no limit",
            parse=duration_s,
            resume=Resume.FREE,
        ),
    ] = None
    require_sandbox: Annotated[
        bool,
        Option("require-sandbox", "Refuse to run if a layer of the worker sandbox is missing.", Group.PERFORMANCE),
    ] = False
    endpoint_url: Annotated[
        str | None,
        Option(
            "endpoint-url",
            "Use this S3 or Azure endpoint.",
            Group.STORES,
            metavar="URL",
            mask=mask_address,
            shown="that of AWS or Azure",
        ),
    ] = None
    request_payer: Annotated[
        bool,
        Option("request-payer", "Accept the charges of requester-pays buckets.", Group.STORES),
    ] = False
    path_style: Annotated[
        bool,
        Option("path-style", "Use path-style bucket addresses. --endpoint-url implies it.", Group.STORES),
    ] = False
    all_versions: Annotated[
        bool,
        Option("all-versions", "Scan every version of every key, and count delete markers.", Group.STORES),
    ] = False
    inventory: Annotated[
        bytes | None,
        Option(
            "inventory",
            "Take the keys of s3:// from this S3 Inventory (CSV): a file or URL.",
            Group.STORES,
            metavar="MANIFEST",
            mask=mask_secrets,
            shown="none",
        ),
    ] = None
    reconcile: Annotated[
        bytes | None,
        Option(
            "reconcile",
            "Report keys of this s3:// or az:// URL that ROOT, its mount, hides as faults.",
            Group.STORES,
            metavar="URL",
            mask=mask_secrets,
            shown="none",
        ),
    ] = None
    read_unlisted: Annotated[
        bool,
        Option("read-unlisted", "Read keys that the mount hides through the store.", Group.STORES),
    ] = False
    executor: Annotated[
        ExecutorKind | None,
        Option(
            "executor",
            "Run on this machine, or on the workers of a Dask cluster.",
            Group.CLUSTER,
            metavar="local|dask",
            shown="local",
            resume=Resume.FREE,
        ),
    ] = None
    """``None`` means this machine, or for a resume the executor of the interrupted scan."""
    scheduler: Annotated[
        str | None,
        Option(
            "scheduler",
            "Connect to this Dask scheduler: tcp://HOST:8786 or tls://HOST:8786.",
            Group.CLUSTER,
            metavar="ADDRESS",
            mask=mask_address,
            shown="none",
            resume=Resume.FREE,
        ),
    ] = None
    wait_for_workers_s: Annotated[
        float,
        Option(
            "wait-for-workers",
            "Wait this long for workers or the scheduler.",
            Group.CLUSTER,
            metavar="S",
            unit="seconds",
            resume=Resume.FREE,
        ),
    ] = 120.0
    """Longer than either takes to start again."""
    shard: Annotated[
        Shard | None,
        Option(
            "shard",
            "Scan part I (from 1) of N. Combine the findings files with hashaudit merge.",
            Group.CLUSTER,
            metavar="I/N",
            shown="none",
            parse=Shard.parse,
            resume=Resume.SHARD,
        ),
    ] = None
    case: Annotated[
        str | None,
        Option("case", "Record this case number.", Group.CASE, metavar="ID", in_config=False, resume=Resume.NOTE),
    ] = None
    exhibit: Annotated[
        str | None,
        Option("exhibit", "Record this exhibit number.", Group.CASE, metavar="ID", in_config=False, resume=Resume.NOTE),
    ] = None
    examiner: Annotated[
        str | None,
        Option(
            "examiner", "Record the examiner's name.", Group.CASE, metavar="NAME", in_config=False, resume=Resume.NOTE
        ),
    ] = None
    note: Annotated[
        str | None,
        Option("note", "Record this note.", Group.CASE, metavar="TEXT", in_config=False, resume=Resume.NOTE),
    ] = None
    batch_files: Annotated[int, INTERNAL] = 256
    """Files in a batch at most: the work that a worker's crash repeats."""
    batch_bytes: Annotated[int, INTERNAL] = 8 << 20
    """Bytes in a batch at most. A file of this size or more is a batch of its own and goes first."""
    lookahead_units: Annotated[int, INTERNAL] = 64
    """Batches queued ahead of the workers: far enough to start large files early, and bounded."""
    waiting_records: Annotated[int, INTERNAL] = 10_000
    """Records held back until all earlier entries are done; beyond that the walk waits."""
    previous_run: Annotated[str | None, INTERNAL] = None
    """Run of the same job before this one."""
    pieces: Annotated[PieceConfig | None, UNRECORDED] = None
    """Hash also the pieces of each file. Only for a listing of hashes, because the findings file has no pieces."""
    listed_roots: Annotated[int, INTERNAL] = 0
    """Number of roots, the last ones, that are from a list of names. One that does not exist is a fault, no error."""
    follows_each_path: Annotated[bool, UNRECORDED] = False
    """List a file under each path that leads to it, through links and several roots."""
    origins: Annotated[dict[str, Origin], UNRECORDED] = {}
    """Header name of a setting -> the place that its value comes from. Defaults are omitted."""
    config_file: Annotated[str | None, UNRECORDED] = None
    """Path of the configuration file that was read."""

    @property
    def lists(self) -> tuple[ListSpec, ...]:
        """The hash lists in the order in which the header numbers them."""
        return self.deny_lists + self.known_lists

    @property
    def selection(self) -> Selection:
        """The list entries that are kept."""
        return Selection(self.only_categories, self.min_score)

    @property
    def tolerance(self) -> Tolerance:
        """Defects and marks of lists that are accepted beyond the defaults."""
        limit = None if self.max_malformed is None else malformed_limit(self.max_malformed)
        return Tolerance(limit, self.include_unmarked)

    @property
    def buckets(self) -> BucketOptions:
        """The options of object stores."""
        return BucketOptions(
            store=StoreOptions(self.endpoint_url, self.request_payer, self.path_style),
            all_versions=self.all_versions,
            reconcile=self.reconcile,
            read_unlisted=self.read_unlisted,
            inventory=self.inventory,
        )
