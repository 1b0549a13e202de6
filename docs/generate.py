"""Writes the pages that are generated from the code (``make docs``). A test compares them with the committed pages."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from hashaudit.explanations import GROUPS, Code, CodeGroup
from hashaudit.exports.export_registry import ExportFormat, mapping_of
from hashaudit.exports.interface import Field
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import DeclaredOption, options_of
from hashaudit_cli.app import help_text
from hashaudit_cli.command import all_options
from hashaudit_cli.settings import variable_of
from man_pages import man_pages

DOCS = Path(__file__).parent
MANUAL = DOCS / "man"
"""The wheel installs it below share/man."""

HEAD = """# Codes

For anyone who reads findings or calls hashaudit from a script. Each code has a meaning and an action.
`hashaudit explain CODE` prints the same, and `hashaudit explain` lists all codes. `make docs` generates this page from
`hashaudit/explanations.py`.
"""

EXIT_CODE_BITS = """
Below 64, each bit has a meaning of its own: `code & 8` is set if a file has a deny match, `code & 16` if something was
not examined, `code & 32` if `--max-time` ended the scan. Codes 1 to 4 say nothing about the scanned data.
"""


def codes() -> str:
    """Returns the reference page on codes."""
    return HEAD + "".join(_section(group) for group in GROUPS)


def _section(group: CodeGroup) -> str:
    introduction = "\n".join(textwrap.wrap(group.introduction, 120))
    table = "".join(f"{row}\n" for row in _rows(group))
    return f"\n## {group.title}\n\n{introduction}\n\n{table}" + (EXIT_CODE_BITS if group.kind == "exit_code" else "")


def _rows(group: CodeGroup) -> Iterator[str]:
    yield "| code | meaning | what to do |"
    yield "|---|---|---|"
    for code in group.codes:
        yield f"| {_shown(code)} | {code.meaning} | {code.action} |"


def _shown(code: Code) -> str:
    return f"`{code.code}`" if code.name is None else f"{code.code} `{code.name}`"


OPTIONS_HEAD = """# Options

For anyone who configures hashaudit. `hashaudit COMMAND --help` lists the options of one command. `make docs` generates
this page from the tables of options.

## Where a value comes from

The first of these that has the option wins:

1. the command line: `--max-rate 50M`
2. the environment: `HASHAUDIT_MAX_RATE=50M`
3. the configuration file: `max-rate = "50M"`
4. the default

The header of a findings file records the place in `config_sources`, and the file in `config_file`. A repeated option
replaces the values of a weaker place; it does not add to them. If two options exclude each other, such as `--key` and
`--unsigned`, the one from the stronger place wins.

**Environment.** The name is `HASHAUDIT_` and the option in upper case, with `_` for `-`. A flag is `true` or `false`
(or `1`, `yes`, `on`, `0`, `no`, `off`). An empty variable is ignored. Several values are separated by line feeds if
there is one, else by `:` (`;` on Windows). So a value that contains `:` needs a line feed at its end. For `hasher` only
line feeds separate. A variable that is nearly the name of an option causes a warning.

**Configuration file.** `--config FILE`, or `HASHAUDIT_CONFIG`, names it. Without either it is
`$XDG_CONFIG_HOME/hashaudit/config.toml`, or `~/.config/hashaudit/config.toml`, if it exists. That file is refused if it
belongs to another user, or if another user may change it or its directories. `--config /dev/null` reads none. Keys at
the top level are for every command that has the option. The section of a command, or of a group of commands, wins over
them:

```toml
quiet = true

[scan]
max-rate = "50M"
exclude = ["*.tmp", ".git"]

[lists.build]
min-score = 0.5
```

An unknown key is an error with its line, and so is a value of the wrong type. The section of another command is checked
when that command runs. Relative paths are relative to the working directory, as on the command line.

**Resume.** `scan --resume FILE` without a ROOT takes the options of the interrupted scan from its journal. Of its own
options it takes those of the command line only. A message names each value of the environment and the file that is not
used. With a ROOT, all places count, and a difference from the interrupted scan is an error.

**Secrets.** The recorded command line has `***` for the values of `--passphrase-file` and `--passphrase-fd`. The
credentials in recorded addresses are masked. The environment and the text of the configuration file are not recorded.

The column *on resume* says if a resumed scan may have another value: `equal` (no), `note` (it may be omitted), `shard`
(no, but each shard has its own) or `free` (yes).
"""


EXPORTS_HEAD = """# Exports

For anyone who hands findings on to another system. `hashaudit export FORMAT FILE -o NEW` verifies each file first and
exports nothing from a file that does not verify. `make docs` generates this page from `hashaudit/exports/`.

The tables say where each format has what a record holds. What a format cannot hold is counted on standard error.
Exporting the same file again gives the same bytes: ids are made from the run id and the record number.

| format | is | checked by |
|---|---|---|
| `csv` | RFC 4180, one row for each match | Python's strict reader |
| `stix` | STIX 2.1 bundle: file, observed-data, indicator, sighting, identity | `stix2-validator` |
| `misp` | MISP event with file objects and sightings | `pymisp` |
| `ecs` | Elastic Common Schema 9.3, one event a line | Elastic's list of fields, with types and allowed values |
| `ocsf` | OCSF 1.6 Detection Finding, one event a line | `ocsf-json-schema` |
| `sarif` | SARIF 2.1.0, a result for each finding, a notification for each fault | the schema of OASIS |
| `syslog` | RFC 5424 with structured data, one message a line | the grammar of the RFC, and `rsyslog` |
| `cef` | CEF 0, one event a line | its rules of escaping |
| `dfxml` | DFXML 1.2.0, a file object for each record | a schema of the documented order |
| `case` | CASE 1.5 and UCO, JSON-LD | `case_validate` |
| `vics` | Project VIC hash set; the category is null | read by `lists` |
| `list` | a hash list of the findings | read by `lists` |
| `sums` | SHA-256 of every record that has one | `sha256sum -c` |
| `hashdeep` | MD5, SHA-1, SHA-256 of every record that has all | the format's header |
| `cybertip` | a directory of drafts of CyberTipline reports | a schema of the documented order; `--xsd` your own |

**cybertip** sends nothing. `fileViewedByEsp` is always false, and no classification is written, because only a person
may give one. `FILL-IN` stands where the program cannot know a value; a draft with it does not validate. Give what you
know with `--incident-type`, `--incident-time`, `--reporter-email` and `--platform`. `--with-paths` adds storage paths.
The identifiers of report and file come from the service when you open the report. These drafts are not legal advice.

**list** holds what may be confidential: it has the hashes of listed files. Its mode is 0600.

**syslog**: the enterprise number 32473 is the one for examples (RFC 5612). The time of a message is that of the record;
rsyslog replaces it on its local socket unless `imuxsock` has `IgnoreTimestamp="off"`.
"""


def exports() -> str:
    """Returns the reference page on exports."""
    text = EXPORTS_HEAD
    for form in ExportFormat:
        mapping = mapping_of(form)
        text += f"\n## `{form}`\n\n| a record holds | in the format |\n|---|---|\n"
        text += "".join(f"| {field} | {mapping.get(field, '-')} |\n" for field in Field)
    return text


def options() -> str:
    """Returns the reference page on options."""
    text = OPTIONS_HEAD
    for words, declared in all_options().items():
        head, rule = "| option | variable | does |", "|---|---|---|"
        rows = [_option_row(one) for one in declared if not one.option.argument]
        if words == "scan":
            compared = {one.field for one in options_of(ScanConfig)}
            head, rule = f"{head} on resume |", f"{rule}---|"
            marks = [
                one.option.resume.value if one.field in compared else "-" for one in declared if not one.option.argument
            ]
            rows = [f"{row} {mark} |" for row, mark in zip(rows, marks, strict=True)]
        text += f"\n## `hashaudit {words}`\n\n" + "".join(f"{row}\n" for row in (head, rule, *rows))
    return text


def _option_row(one: DeclaredOption) -> str:
    short = f"`-{one.option.short}` " if one.option.short else ""
    value = f" {one.option.metavar}" if one.option.metavar else ""
    name = f"{short}`--{one.name}{value}`".replace("|", "\\|")
    return f"| {name} | `{variable_of(one)}` | {help_text(one)} |"


def pages() -> dict[Path, str]:
    """Returns every generated page by its path."""
    reference = DOCS / "reference"
    written = {
        reference / "codes.md": codes(),
        reference / "options.md": options(),
        reference / "exports.md": exports(),
    }
    manual = man_pages((reference / "findings-format.md").read_text())
    return written | {MANUAL / name: text for name, text in manual.items()}


if __name__ == "__main__":
    made = pages()
    for path in MANUAL.glob("man?/*"):
        path.unlink()  # a page of a command that is gone
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
