"""``hashaudit incident``: the directory of an incident, and its log."""

import re
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import FindingsError, SigningKeyError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.exports.export_registry import EXPORTERS, ExportFormat
from hashaudit.model.counted import counted
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.commands.export_findings import IncidentOptions, incident_of, report_export
from hashaudit_cli.findings_options import HOW_TO_TRUST, FindingsArgument, TrustOptions
from hashaudit_cli.options import JsonOption, SigningOptions, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log, print_json, printable, quote

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
if TYPE_CHECKING:
    from hashaudit.signing.signer import Signer

LOGGED_FORMATS = tuple(form for form in ExportFormat if form is not ExportFormat.CYBERTIP)
"""Formats of one file. The drafts for the CyberTipline are in the directory from the beginning."""

_SUFFIXES = {
    ExportFormat.CSV: ".csv",
    ExportFormat.DFXML: ".xml",
    ExportFormat.ECS: ".ndjson",
    ExportFormat.OCSF: ".ndjson",
}
_JSON_FORMATS = {ExportFormat.STIX, ExportFormat.MISP, ExportFormat.CASE, ExportFormat.SARIF, ExportFormat.VICS}

_NO_STORE = "no allowed_signers file names one"
_SIGNING = ("key", "passphrase_file", "passphrase_fd")
_TRUST = ("allowed_signers", "identity")


def date(text: str) -> str:
    """Returns a date.

    Raises:
        ValueError: it is not one.
    """
    from datetime import date as calendar  # start-up

    if _DATE.fullmatch(text) is None:
        raise ValueError("must be a date such as 2027-12-31")
    return calendar.fromisoformat(text).isoformat()


class NewOptions(FindingsArgument, frozen=True, kw_only=True):
    """The options of ``incident new``."""

    output: Annotated[
        str | None,
        Option(
            "output", "Create this directory.", short="o", metavar="DIR", shown="required", setting="incident-output"
        ),
    ] = None
    title: Annotated[str | None, Option("title", "Name of the incident.", Group.CASE, metavar="TEXT")] = None
    legal_basis: Annotated[
        str | None, Option("legal-basis", "Legal basis for keeping the files, as stated.", Group.CASE, metavar="TEXT")
    ] = None
    retain_until: Annotated[
        str | None,
        Option("retain-until", "Date until which the directory is kept.", Group.CASE, metavar="DATE", parse=date),
    ] = None

    segments: Annotated[
        bool,
        Option(
            "segments",
            "Copy only the segments with findings, so that the records of other files are not disclosed.",
            negative="whole-files",
        ),
    ] = False


class DirectoryArgument(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of commands about one incident."""

    directory: Annotated[str, Option("directory", "Directory of an incident.", argument=True, metavar="DIR")]


class IncidentExportOptions(DirectoryArgument, frozen=True, kw_only=True):
    """The options of ``incident export``."""

    form: Annotated[
        ExportFormat,
        Option(
            "form", f"One of {', '.join(LOGGED_FORMATS)}.", argument=True, metavar="FORMAT", setting="incident-form"
        ),
    ]


class LogOptions(DirectoryArgument, frozen=True, kw_only=True):
    """The options of ``incident log``."""

    note: Annotated[
        str | None, Option("note", "Add this statement, signed.", metavar="TEXT", setting="incident-note")
    ] = None


@command(
    "incident new",
    options_of(NewOptions),
    tuple(one for one in options_of(IncidentOptions) if one.field != "xsd"),
    select(SigningOptions, *_SIGNING),
    select(TrustOptions, *_TRUST),
    examples=(
        "hashaudit incident new findings.jsonl -o incident-7 --retain-until 2027-12-31 --title 'Ticket 7'",
        "hashaudit incident new findings.jsonl -o incident-8 --segments --legal-basis 'law and section'",
    ),
)
def incident_new(settings: Settings) -> int:
    """Create the directory of an incident: signed findings, report, drafts, checksums and a log.

    Everything in it is listed in SHA256SUMS, which your key signs. The log is signed line by line. The directory never
    holds content of a matched file, and nothing is sent or deleted. Check it with `hashaudit incident verify`, or
    without hashaudit: `sha256sum -c SHA256SUMS`, and `ssh-keygen -Y verify` with SHA256SUMS.sig.

    --segments copies the run header, the segments that hold findings and all checkpoints. They verify as an extract.
    The report then counts the faults of other segments and does not list them.
    """
    import time

    from hashaudit.incidents.new_incident import NewIncident, create_incident
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.scan.verify_merged import is_merge_result
    from hashaudit.triage.findings_input import find_inputs, verify_input

    own, stated = settings.make(NewOptions), settings.make(TrustOptions)
    if own.output is None:
        raise UsageError("missing option: '--output'")
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None:
        raise SigningKeyError(f"cannot trust the signer of the findings; {_NO_STORE}", hint=HOW_TO_TRUST)
    signer = _signer(settings)
    files = [verify_input(source) for path in own.files for source in find_inputs(path, trust, any_signer=False)]
    new = NewIncident(
        title=own.title,
        legal_basis=own.legal_basis,
        retain_until=own.retain_until,
        drafts=incident_of(settings.make(IncidentOptions, xsd=None)),
        segments=own.segments,
        merge_results=tuple(path for path in own.files if is_merge_result(path)),
    )
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    facts = create_incident(own.output, new, files, signer, trust, now=now)
    log(f"incident {facts.incident} in '{quote(own.output.encode())}': {counted(facts.findings, 'finding')}")
    return ExitCode.COMPLETE


@command(
    "incident log",
    options_of(LogOptions),
    select(SigningOptions, *_SIGNING),
    select(TrustOptions, *_TRUST, "allow_any_signer"),
    options_of(JsonOption),
    examples=(
        "hashaudit incident log incident-7",
        "hashaudit incident log incident-7 --note 'filed with the authority as 4564654'",
    ),
)
def incident_log(settings: Settings) -> int:
    """Show and check the log of an incident, or add a statement to it.

    Each line is signed and names the line before it. Exit code 0: the log verifies. 3: intact, signer unknown
    (--allow-any-signer). 4: it does not verify.
    """
    from hashaudit.incidents.incident_log import Action, append_log, read_log
    from hashaudit.scan.trust_policy import choose_trust

    own, stated = settings.make(LogOptions), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None and not stated.allow_any_signer:
        raise SigningKeyError(f"cannot trust the signer of the log; {_NO_STORE}", hint=HOW_TO_TRUST)
    if own.note is not None:
        signer = _signer(settings)
        before = read_log(own.directory, trust)
        if not before.entries:
            raise FindingsError("cannot add to the log; it has no valid line")
        append_log(own.directory, before.entries[0].incident, Action.NOTE, own.note, signer=signer, trust=trust)
    found = read_log(own.directory, trust)
    if settings.make(JsonOption).as_json:
        print_json(found)
    else:
        for entry in found.entries:
            about = "" if entry.file is None else f", '{printable(entry.file)}', SHA-256 {entry.sha256}"
            print(f"{entry.seq}  {entry.time[:19]}Z  {entry.action}  {printable(entry.text)}{about}")
    if found.problem is not None:
        raise FindingsError(f"the log does not verify; {found.problem}")
    return ExitCode.COMPLETE if trust is not None else ExitCode.SIGNER_UNKNOWN


@command(
    "incident verify",
    options_of(DirectoryArgument),
    select(TrustOptions, *_TRUST, "allow_any_signer"),
    options_of(JsonOption),
    examples=("hashaudit incident verify incident-7",),
)
def incident_verify(settings: Settings) -> int:
    """Check the directory of an incident: checksums, their signature, findings, exports and log.

    Exit code 0: everything verifies. 3: intact, signer unknown (--allow-any-signer). 4: something does not verify, was
    added or is missing.
    """
    from hashaudit.incidents.verify_incident import verify_incident
    from hashaudit.scan.trust_policy import choose_trust

    own, stated = settings.make(DirectoryArgument), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None and not stated.allow_any_signer:
        raise SigningKeyError(f"cannot trust the signer of the incident; {_NO_STORE}", hint=HOW_TO_TRUST)
    found = verify_incident(own.directory, trust)
    if settings.make(JsonOption).as_json:
        print_json(found)
    else:
        for kind, texts in (("proven", found.proven), ("not proven", found.unproven), ("PROBLEM", found.problems)):
            for text in texts:
                print(f"{kind}: {printable(text)}")
    if found.problems:
        raise FindingsError(f"the incident does not verify; {counted(len(found.problems), 'problem')}")
    log(f"incident {found.incident} verifies{'' if trust is not None else ', signer UNKNOWN'}")
    return ExitCode.COMPLETE if trust is not None else ExitCode.SIGNER_UNKNOWN


@command(
    "incident export",
    options_of(IncidentExportOptions),
    select(SigningOptions, *_SIGNING),
    select(TrustOptions, *_TRUST),
    examples=("hashaudit incident export incident-7 stix",),
)
def incident_export(settings: Settings) -> int:
    """Export the findings of an incident into its directory, and record the export in its log.

    The new file is in the directory `exports`. The log holds its name, its SHA-256 and the number of records. What the
    format cannot hold is listed on standard error.
    """
    from hashaudit.incidents.export_incident import export_incident
    from hashaudit.scan.trust_policy import choose_trust

    own, stated = settings.make(IncidentExportOptions), settings.make(TrustOptions)
    if own.form not in LOGGED_FORMATS:
        raise UsageError(f"invalid FORMAT: '{own.form}'; the drafts are in the directory of the incident already")
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None:
        raise SigningKeyError(f"cannot trust the signer of the findings; {_NO_STORE}", hint=HOW_TO_TRUST)
    suffix = _SUFFIXES.get(own.form, ".json" if own.form in _JSON_FORMATS else ".txt")
    made = export_incident(
        own.directory, own.form, EXPORTERS[own.form](), suffix, signer=_signer(settings), trust=trust
    )
    report_export(made.result, own.form, made.path)
    return ExitCode.COMPLETE


def _signer(settings: Settings) -> "Signer":
    """Returns the key of a person, which is never created here.

    Raises:
        SigningKeyError: there is none.
    """
    from hashaudit.scan.key_policy import load_signer
    from hashaudit_cli.passphrase import signing_options

    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    options = msgspec.structs.asdict(settings.make(SigningOptions))
    signer = load_signer(signing_options(**options), _refuse, create=False)
    if signer is None:
        raise SigningKeyError("an incident needs a signing key")
    return signer


def _refuse(event: object) -> None:
    """Takes the report of a new key, which is never created here."""
