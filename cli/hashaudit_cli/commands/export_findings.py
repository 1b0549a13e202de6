"""``hashaudit export``: verified findings in the form that another system takes."""

import os
from typing import TYPE_CHECKING, Annotated

import msgspec

from hashaudit.errors import OutputError, UsageError
from hashaudit.exit_codes import ExitCode
from hashaudit.exports.export_registry import EXPORTERS, ExportFormat
from hashaudit.model.counted import counted
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.findings_options import FindingsArgument, SignerOption, TrustOptions
from hashaudit_cli.options import output_option
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log, quote, standard_output

if TYPE_CHECKING:
    from hashaudit.exports.cybertip_export import Incident
    from hashaudit.exports.interface import Exporter
    from hashaudit.exports.write_export import ExportResult


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    form: Annotated[
        ExportFormat,
        Option("form", f"One of {', '.join(ExportFormat)}.", argument=True, metavar="FORMAT"),
    ]
    output: Annotated[
        str | None,
        output_option("Write to this new file with mode 0600; for cybertip a new directory.", setting="export-output"),
    ] = None
    socket: Annotated[
        str | None,
        Option(
            "socket",
            "For syslog: send the messages to this local datagram socket, such as /dev/log.",
            Group.OUTPUT,
            metavar="PATH",
        ),
    ] = None
    spreadsheet_safe: Annotated[
        bool,
        Option(
            "spreadsheet-safe",
            "For csv: put ' before what a spreadsheet takes for a formula. Alters the text.",
            Group.OUTPUT,
        ),
    ] = False


class IncidentOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of cybertip, with what the program cannot know."""

    incident_type: Annotated[
        str | None, Option("incident-type", "For cybertip: type of the incident.", Group.CASE, metavar="TYPE")
    ] = None
    incident_time: Annotated[
        str | None, Option("incident-time", "For cybertip: time of the incident, RFC 3339.", Group.CASE, metavar="TIME")
    ] = None
    reporter_email: Annotated[
        str | None,
        Option("reporter-email", "For cybertip: address of the reporting person.", Group.CASE, metavar="ADDRESS"),
    ] = None
    platform: Annotated[
        str | None, Option("platform", "For cybertip: service on which the files were.", Group.CASE, metavar="NAME")
    ] = None
    with_paths: Annotated[
        bool, Option("with-paths", "For cybertip: put the storage path of each file into its draft.", Group.CASE)
    ] = False
    xsd: Annotated[
        str | None,
        Option(
            "xsd", "For cybertip: validate the drafts against this schema of your account.", Group.CASE, metavar="FILE"
        ),
    ] = None


@command(
    "export",
    options_of(ExportOptions),
    options_of(FindingsArgument),
    options_of(IncidentOptions),
    options_of(SignerOption),
    options_of(TrustOptions),
    examples=(
        "hashaudit export csv findings.jsonl -o findings.csv",
        "hashaudit export ocsf findings.jsonl | send-to-siem",
        "hashaudit export list findings.jsonl -o found.txt && hashaudit scan /other --list found.txt",
    ),
)
def export(settings: Settings) -> int:
    """Export findings in the form that another system takes.

    csv: one row a match. stix, misp: threat exchange. ecs, ocsf: one event a line for a SIEM. sarif: pipelines. syslog
    (RFC 5424), cef: log collectors. dfxml, case: forensics. vics: hash sets of media. list: a hash list of what was
    found, to look for elsewhere. sums, hashdeep: checksums of all recorded files (scan --record all). cybertip: a
    directory of drafts; nothing is sent, and gaps are marked FILL-IN.

    Every file is verified first, and nothing is exported from a file that does not verify. What the format cannot hold
    is listed on standard error. docs/reference/exports.md has the place of each field.

    Exit code 0: exported. 3: exported, signer unknown (--allow-any-signer). 4: a file does not verify, or the output
    cannot be written.
    """
    from hashaudit.exports.write_export import exported_runs
    from hashaudit.scan.trust_policy import choose_trust
    from hashaudit.triage.findings_input import find_inputs, verify_input

    own, stated = settings.make(ExportOptions), settings.make(TrustOptions)
    if own.form is ExportFormat.CYBERTIP and own.output is None:
        raise UsageError("missing option: '--output'; cybertip writes a directory")
    if own.socket is not None and (own.form is not ExportFormat.SYSLOG or own.output is not None):
        raise UsageError("--socket is for syslog, without --output")
    if own.output is not None and os.path.lexists(own.output):
        shown = quote(os.fsencode(own.output))
        raise OutputError(f"already exists: '{shown}'; hashaudit never overwrites it", hint="choose another name")
    trust = choose_trust(**msgspec.structs.asdict(stated), key=settings.make(SignerOption).signer)
    sources = [
        one
        for path in settings.make(FindingsArgument).files
        for one in find_inputs(path, trust, any_signer=stated.allow_any_signer)
    ]
    files = [verify_input(source) for source in sources]
    runs = exported_runs(files, any_signer=stated.allow_any_signer)
    if own.form is ExportFormat.CYBERTIP:
        from hashaudit.exports.write_export import write_drafts

        stated_incident = settings.make(IncidentOptions)
        incident, xsd = incident_of(stated_incident), stated_incident.xsd
        try:
            result = write_drafts(str(own.output), incident, files, runs)
        except OSError as error:
            raise OutputError(f"cannot create: '{quote(os.fsencode(str(own.output)))}'; {error.strerror}") from error
        if xsd is not None:
            _validate(str(own.output), xsd)
    else:
        from hashaudit.exports.write_export import write_export

        output = _SyslogSocket(own.socket) if own.socket is not None else _Target(own.output)
        try:
            result = write_export(_exporter(own), files, runs, output.write)
        finally:
            output.close()
    report_export(result, own.form, own.output)
    return ExitCode.COMPLETE if all(run.is_trusted for run in runs) else ExitCode.SIGNER_UNKNOWN


def _exporter(own: ExportOptions) -> "Exporter":
    from hashaudit.exports.csv_export import CsvExport

    if own.form is ExportFormat.CSV:
        return CsvExport(spreadsheet_safe=own.spreadsheet_safe)
    return EXPORTERS[own.form]()


class _Target:
    """A new file, or standard output."""

    def __init__(self, path: str | None) -> None:
        from hashaudit.record.output import Output

        self._is_file = path is not None
        self._output = standard_output() if path is None else Output.create(path)

    def write(self, data: bytes) -> None:
        self._output.write(data)

    def close(self) -> None:
        if self._is_file:
            self._output.sync()
            self._output.close()


class _SyslogSocket:
    """A local socket of a log daemon, which takes one message in each datagram (unix(7), RFC 5426 section 3.1)."""

    def __init__(self, path: str) -> None:
        import socket

        self._name = quote(os.fsencode(path))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            self._socket.close()
            raise OutputError(f"cannot connect to the socket: '{self._name}'; {error.strerror}") from error

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            try:
                self._socket.send(line)
            except OSError as error:
                raise OutputError(f"cannot send to the socket: '{self._name}'; {error.strerror}") from error

    def close(self) -> None:
        self._socket.close()


def incident_of(own: IncidentOptions) -> "Incident":
    """Returns what the options state about an incident.

    Raises:
        UsageError: the type or the time is not valid.
    """
    from hashaudit.errors import FindingsError
    from hashaudit.exports.cybertip_export import INCIDENT_TYPES, Incident
    from hashaudit.record import timestamps

    if own.incident_type is not None and own.incident_type not in INCIDENT_TYPES:
        raise UsageError(f"invalid --incident-type: '{own.incident_type}'; must be one of: {'; '.join(INCIDENT_TYPES)}")
    if own.incident_time is not None:
        try:
            timestamps.to_seconds(own.incident_time)
        except FindingsError as error:
            raise UsageError(f"invalid --incident-time: '{own.incident_time}'; {error}") from error
    return Incident(
        incident_type=own.incident_type,
        incident_time=own.incident_time,
        reporter_email=own.reporter_email,
        platform=own.platform,
        with_paths=own.with_paths,
    )


def _validate(directory: str, xsd: str) -> None:
    try:
        from lxml import etree
    except ImportError as error:
        raise OutputError("cannot validate the drafts: lxml is not installed", hint="pip install lxml") from error
    try:
        schema = etree.XMLSchema(etree.parse(xsd, etree.XMLParser(resolve_entities=False, no_network=True)))
    except (OSError, etree.LxmlError) as error:
        raise OutputError(f"cannot use the schema: '{quote(os.fsencode(xsd))}'; {str(error)!a}") from error
    for name in sorted(os.listdir(directory)):
        document = etree.parse(os.path.join(directory, name))
        if not schema.validate(document):
            problem = schema.error_log.last_error
            text = "" if problem is None else f"line {problem.line}: {ascii(problem.message)[1:-1]}"
            log(f"warning: {name} does not validate: {text}")


def report_export(result: "ExportResult", form: ExportFormat, output: str | None) -> None:
    """Logs the number of exported records, and what the format cannot hold."""
    where = "" if output is None else f" to '{quote(os.fsencode(output))}'"
    log(f"exported {counted(result.records, 'record')} as {form}{where}")
    for field, count in result.lost.items():
        log(f"not in {form}: {field} ({counted(count, 'record')})")
