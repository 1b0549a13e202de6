"""``hashaudit incident``: the directory of an incident, and its log."""

import re
from typing import Annotated

import msgspec

from hashaudit.errors import FindingsError, SigningKeyError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.commands.export_findings import IncidentOptions, incident_of
from hashaudit_cli.options import HOW_TO_TRUST, FindingsArgument, JsonOption, SigningOptions, TrustOptions, select
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import counted, log, print_json, printable, quote

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
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


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``incident log``."""

    directory: Annotated[str, Option("directory", "Directory of an incident.", argument=True, metavar="DIR")]
    note: Annotated[
        str | None, Option("note", "Add this statement, signed.", metavar="TEXT", setting="incident-note")
    ] = None


@command(
    "incident new",
    options_of(NewOptions),
    tuple(one for one in options_of(IncidentOptions) if one.field != "xsd"),
    select(SigningOptions, *_SIGNING),
    select(TrustOptions, *_TRUST),
    examples=("hashaudit incident new findings.jsonl -o incident-7 --retain-until 2027-12-31 --title 'Ticket 7'",),
)
def incident_new(settings: Settings) -> int:
    """Create the directory of an incident: signed findings, report, drafts, checksums and a log.

    Everything in it is listed in SHA256SUMS, which your key signs. The log is signed line by line. The directory never
    holds content of a matched file, and nothing is sent or deleted. Check it without hashaudit:
    `sha256sum -c SHA256SUMS`, and `ssh-keygen -Y verify` with SHA256SUMS.sig.
    """
    import time

    from hashaudit.incidents.new_incident import NewIncident, create_incident
    from hashaudit.scan.key_policy import load_signer
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.triage.findings_input import find_inputs, verify_input
    from hashaudit_cli.passphrase import signing_options

    own, stated = settings.make(NewOptions), settings.make(TrustOptions)
    if own.output is None:
        raise UsageError("missing option: '--output'")
    settings.prefer_stronger("passphrase_file", "passphrase_fd")
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None:
        raise SigningKeyError(f"cannot trust the signer of the findings; {_NO_STORE}", hint=HOW_TO_TRUST)
    signer = load_signer(
        signing_options(**msgspec.structs.asdict(settings.make(SigningOptions))), _refuse, create=False
    )
    if signer is None:
        raise SigningKeyError("an incident needs a signing key")
    files = [verify_input(source) for path in own.files for source in find_inputs(path, trust, any_signer=False)]
    new = NewIncident(
        title=own.title,
        legal_basis=own.legal_basis,
        retain_until=own.retain_until,
        drafts=incident_of(settings.make(IncidentOptions, xsd=None)),
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
    from hashaudit.scan.key_policy import load_signer
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit_cli.passphrase import signing_options

    own, stated = settings.make(LogOptions), settings.make(TrustOptions)
    trust = choose_trust(**msgspec.structs.asdict(stated), key=None)
    if trust is None and not stated.allow_any_signer:
        raise SigningKeyError(f"cannot trust the signer of the log; {_NO_STORE}", hint=HOW_TO_TRUST)
    if own.note is not None:
        settings.prefer_stronger("passphrase_file", "passphrase_fd")
        options = msgspec.structs.asdict(settings.make(SigningOptions))
        signer = load_signer(signing_options(**options), _refuse, create=False)
        before = read_log(own.directory, trust)
        if signer is None or not before.entries:
            raise FindingsError("cannot add to the log; it has no valid line")
        append_log(own.directory, before.entries[0].incident, Action.NOTE, own.note, signer=signer, trust=trust)
    found = read_log(own.directory, trust)
    if settings.make(JsonOption).as_json:
        print_json(found)
    else:
        for entry in found.entries:
            print(f"{entry.seq}  {entry.time[:19]}Z  {entry.action}  {printable(entry.text)}")
    if found.problem is not None:
        raise FindingsError(f"the log does not verify; {found.problem}")
    return ExitCode.COMPLETE if trust is not None else ExitCode.SIGNER_UNKNOWN


def _refuse(event: object) -> None:
    """Takes the report of a new key, which is never created here."""
