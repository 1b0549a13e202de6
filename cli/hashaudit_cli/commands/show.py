"""``hashaudit show``: the records of findings files, in the terminal and for other programs."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.model.audit_outcome import AuditOutcome
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import Caveat
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import FindingsArgument, SignerOption, TrustOptions
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.record_writer import RecordFormat, View

if TYPE_CHECKING:
    from hashaudit.triage.record_filter import RecordFilter


def label_pattern(text: str) -> tuple[tuple[str, str], ...]:
    """Returns name and pattern of ``name=pattern``, or of a pattern for any label."""
    name, equals, pattern = text.partition("=")
    return ((name, pattern) if equals else ("", text),)


class ShowOptions(FindingsArgument, frozen=True, kw_only=True):
    """The options of the command."""

    faults: Annotated[bool, Option("faults", "Show what was not examined, and why.")] = False
    entries: Annotated[
        bool, Option("files", "Show every recorded entry (all files with scan --record all).", setting="show-files")
    ] = False
    differences: Annotated[bool, Option("differences", "Show the files that differ from the manifest of an audit.")] = (
        False
    )
    summary: Annotated[bool, Option("summary", "Show counts by list, category, distance, caveat and directory.")] = (
        False
    )
    path: Annotated[
        str | None,
        Option(
            "path",
            "Show the whole record of this path, and whether its segment verifies.",
            metavar="PATH",
            setting="show-path",
        ),
    ] = None
    record: Annotated[
        int | None,
        Option("record", "Show the record with this number.", metavar="SEQ", minimum=1, setting="show-record"),
    ] = None
    extract: Annotated[
        str | None,
        Option(
            "extract",
            "With --path or --record: write run header, the record's segment and all checkpoints to a new file that"
            " verifies with `verify --extract`.",
            metavar="NEW",
        ),
    ] = None
    form: Annotated[
        RecordFormat, Option("format", "Choose how records are shown.", Group.OUTPUT, setting="show-format")
    ] = RecordFormat.TABLE
    null: Annotated[bool, Option("null", "End each path with NUL, for xargs -0.", Group.OUTPUT, short="0")] = False
    unverified: Annotated[
        bool, Option("unverified", "Show records that are not proven too, and exit with 0.", Group.OUTPUT)
    ] = False
    lists: Annotated[
        tuple[str, ...],
        Option(
            "list", "Only findings of this list: its name or number.", Group.SELECT, metavar="LIST", setting="show-list"
        ),
    ] = ()
    labels: Annotated[
        tuple[tuple[str, str], ...],
        Option(
            "label",
            "Only findings with this label. PATTERN may contain * and ?.",
            Group.SELECT,
            metavar="[NAME=]PATTERN",
            parse=label_pattern,
        ),
    ] = ()
    categories: Annotated[
        tuple[str, ...], Option("category", "Only findings of this category.", Group.SELECT, metavar="PATTERN")
    ] = ()
    max_distance: Annotated[
        int | None,
        Option(
            "distance", "Only matches up to this distance; exact ones have 0.", Group.SELECT, metavar="N", minimum=0
        ),
    ] = None
    caveats: Annotated[
        tuple[Caveat, ...], Option("caveat", "Only findings with this caveat.", Group.SELECT, metavar="CAVEAT")
    ] = ()
    without_caveats: Annotated[
        bool,
        Option("without-caveats", "Only findings that need no confirmation.", Group.SELECT, negative="with-caveats"),
    ] = False
    without_acceptance: Annotated[
        bool,
        Option("open", "Only findings without an acceptance in force.", Group.SELECT, negative="with-accepted"),
    ] = False
    patterns: Annotated[
        tuple[str, ...],
        Option(
            "match-path",
            "Only paths that match. * matches / too; a PATTERN without / is compared with the name.",
            Group.SELECT,
            metavar="PATTERN",
        ),
    ] = ()
    codes: Annotated[
        tuple[FaultCode, ...], Option("code", "Only records with this fault.", Group.SELECT, metavar="CODE")
    ] = ()
    member_kinds: Annotated[
        tuple[str, ...],
        Option("member-of", "Only members of containers of this format, such as zip.", Group.SELECT, metavar="FORMAT"),
    ] = ()
    outcomes: Annotated[
        tuple[AuditOutcome, ...],
        Option("outcome", "With --differences: only this outcome.", Group.SELECT, metavar="OUTCOME"),
    ] = ()


@command(
    "show",
    options_of(ShowOptions),
    options_of(SignerOption),
    options_of(TrustOptions),
    examples=(
        "hashaudit show findings.jsonl",
        "hashaudit show findings.jsonl --faults",
        "hashaudit show audit.jsonl --differences --outcome changed",
        "hashaudit show findings.jsonl --list vics.json --without-caveats --format paths -0 | xargs -0 ls -ld --",
        "hashaudit show findings.jsonl --path /srv/a.jpg --extract one-segment.jsonl",
    ),
)
def show(settings: Settings) -> int:
    """Show findings, one a line: list, entry, match, labels, caveats and the whole path.

    Every record is verified before it is shown, and records that are not proven are not shown unless --unverified asks
    for them. A standard error line says how many records were shown, of how many, and whether the file verifies. No
    file is opened: content is never shown.

    CSV and TSV have one line for each match; JSON lines are the records as they are in the file. Filters of one kind
    are alternatives, filters of different kinds must all hold.

    Exit code 0: every file verifies. 3: intact, signer unknown (--allow-any-signer). 4: something does not verify.
    """
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.triage.findings_input import find_inputs
    from hashaudit_cli.ui.findings_display import FindingsDisplay, show_record

    own, stated = settings.make(ShowOptions), settings.make(TrustOptions)
    check_options(own)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    any_signer = stated.allow_any_signer or own.unverified
    sources = [one for path in own.files for one in find_inputs(path, trust, any_signer=any_signer)]
    if own.path is not None or own.record is not None:
        return show_record(sources, own.path, own.record, own.extract, unverified=own.unverified)
    view = (
        View.FAULTS
        if own.faults
        else View.FILES
        if own.entries
        else View.DIFFERENCES
        if own.differences
        else View.FINDINGS
    )
    display = FindingsDisplay(view, _filter(own), is_summary=own.summary, unverified=own.unverified)
    return display.run(sources, own.form, null=own.null)


def _filter(own: ShowOptions) -> "RecordFilter":
    from hashaudit.triage.record_filter import RecordFilter

    return RecordFilter(
        lists=own.lists,
        labels=own.labels,
        categories=own.categories,
        max_distance=own.max_distance,
        caveats=own.caveats,
        without_caveats=own.without_caveats,
        without_acceptance=own.without_acceptance,
        patterns=own.patterns,
        fault_codes=own.codes,
        member_kinds=own.member_kinds,
        outcomes=own.outcomes,
    )


def check_options(own: ShowOptions) -> None:
    """Refuses options that conflict.

    Raises:
        UsageError: two options conflict, or one needs another.
    """
    views = [name for name in ("faults", "entries", "differences", "summary") if getattr(own, name)]
    if len(views) > 1:
        raise UsageError("--faults, --files, --differences and --summary are mutually exclusive")
    single = own.path is not None or own.record is not None
    if own.path is not None and own.record is not None:
        raise UsageError("--path and --record are mutually exclusive")
    if own.extract is not None and not single:
        raise UsageError("--extract needs --path or --record")
    if own.extract is not None and len(own.files) > 1:
        raise UsageError("--extract reads one FILE")
    if single and (views or own.form is not RecordFormat.TABLE):
        raise UsageError("--path and --record show one record as JSON; they conflict with a view or --format")
    if own.outcomes and not own.differences:
        raise UsageError("--outcome needs --differences")
    if own.null and own.form is not RecordFormat.PATHS:
        raise UsageError("--null needs --format paths")
    if own.summary and own.form not in {RecordFormat.TABLE, RecordFormat.JSONL}:
        raise UsageError("--summary has the formats table and jsonl only")
