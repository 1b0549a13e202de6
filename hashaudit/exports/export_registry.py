"""The export formats by name."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from hashaudit.exports.case_export import CaseExport
from hashaudit.exports.cef_export import CefExport
from hashaudit.exports.csv_export import CsvExport
from hashaudit.exports.cybertip_export import MAPPING
from hashaudit.exports.dfxml_export import DfxmlExport
from hashaudit.exports.ecs_export import EcsExport
from hashaudit.exports.interface import Exporter, Field
from hashaudit.exports.misp_export import MispExport
from hashaudit.exports.ocsf_export import OcsfExport
from hashaudit.exports.sarif_export import SarifExport
from hashaudit.exports.stix_export import StixExport
from hashaudit.exports.syslog_export import SyslogExport
from hashaudit.exports.tagged_list import HashdeepExport, ListExport, SumsExport
from hashaudit.exports.vics_export import VicsExport


class ExportFormat(StrEnum):
    """A format that findings are exported in."""

    CSV = "csv"
    STIX = "stix"
    MISP = "misp"
    ECS = "ecs"
    OCSF = "ocsf"
    SARIF = "sarif"
    SYSLOG = "syslog"
    CEF = "cef"
    DFXML = "dfxml"
    CASE = "case"
    VICS = "vics"
    LIST = "list"
    SUMS = "sums"
    HASHDEEP = "hashdeep"
    CYBERTIP = "cybertip"
    """A directory of drafts."""


EXPORTERS: dict[ExportFormat, Callable[[], Exporter]] = {
    ExportFormat.CSV: CsvExport,
    ExportFormat.STIX: StixExport,
    ExportFormat.MISP: MispExport,
    ExportFormat.ECS: EcsExport,
    ExportFormat.OCSF: OcsfExport,
    ExportFormat.SARIF: SarifExport,
    ExportFormat.SYSLOG: SyslogExport,
    ExportFormat.CEF: CefExport,
    ExportFormat.DFXML: DfxmlExport,
    ExportFormat.CASE: CaseExport,
    ExportFormat.VICS: VicsExport,
    ExportFormat.LIST: ListExport,
    ExportFormat.SUMS: SumsExport,
    ExportFormat.HASHDEEP: HashdeepExport,
}
"""The formats that are one file."""


def mapping_of(form: ExportFormat) -> Mapping[Field, str]:
    """Returns the place of each field in a format."""
    return MAPPING if form is ExportFormat.CYBERTIP else EXPORTERS[form]().mapping
