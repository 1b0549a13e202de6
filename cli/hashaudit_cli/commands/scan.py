"""``hashaudit scan``: the main job."""

from typing import Annotated

import msgspec

from hashaudit.errors import UsageError
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Group, Option, Origin, options_of
from hashaudit_cli.options import QuietOption, SigningOptions, application, command, examples
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import log

app = application()


class ScanOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of the scan."""

    output: Annotated[
        str | None,
        Option(
            "output",
            "Write the findings to this new file, and its signature to FILE.sig.",
            Group.OUTPUT,
            short="o",
            metavar="FILE",
            shown="standard output",
        ),
    ] = None
    resume: Annotated[
        str | None,
        Option(
            "resume",
            "Resume the scan that wrote FILE. Its options are used; any that are given must match.",
            Group.OUTPUT,
            metavar="FILE",
        ),
    ] = None


@app.command(
    epilog=examples(
        "hashaudit scan /srv --list bad.txt -o findings.jsonl",
        "hashaudit scan /mnt/evidence --list md5=case.txt --known nsrl.txt --record all --case 17 -o run.jsonl",
        "hashaudit scan --resume run.jsonl",
    )
)
@command("scan", options_of(ScanConfig), options_of(ScanOptions), options_of(SigningOptions), options_of(QuietOption))
def scan(settings: Settings) -> int:
    """Scan every file below each ROOT and write signed findings.

    Each file is read once, hashed, and looked up in the lists. Every file is recorded as examined or failed; the exit
    code is not zero if any file was not examined.
    """
    # Start-up: --help needs none of this.
    from hashaudit_cli.commands.scan_body import run_scan  # noqa: PLC0415 # as above
    from hashaudit_cli.passphrase import signing_options  # noqa: PLC0415 # as above

    for first, second in (("key", "unsigned"), ("passphrase_file", "passphrase_fd"), ("output", "resume")):
        settings.prefer_stronger(first, second)
    own, quiet = settings.make(ScanOptions), settings.make(QuietOption).quiet
    if own.resume is not None and own.output is not None and settings.origin("output") is Origin.COMMAND_LINE:
        raise UsageError("--resume continues FILE", hint="do not use --output")
    config = _config(settings, resumes=own.resume is not None, quiet=quiet)
    signing = signing_options(**msgspec.structs.asdict(settings.make(SigningOptions)))
    output = None if own.resume is not None else own.output
    return run_scan(config, output=output, resume=own.resume, signing=signing, quiet=quiet)


def _config(settings: Settings, *, resumes: bool, quiet: bool) -> ScanConfig:
    """Returns the options of the scan. A resume without a ROOT takes them from the journal.

    Values from the environment and from a file then have no effect, because they may have changed since the scan began.
    """
    if resumes and not settings.make(ScanConfig).roots:
        dropped = settings.drop_weaker(ScanConfig)
        if dropped and not quiet:
            log(f"the resumed scan keeps its own options; not used: {', '.join(dropped)}")
    path = settings.config_file.path if settings.config_file is not None else None
    return settings.make(ScanConfig, origins=settings.origins(ScanConfig), config_file=path)
