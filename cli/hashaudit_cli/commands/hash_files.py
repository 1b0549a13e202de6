"""``hashaudit hash``: hashes a user's own files, to make lists from them."""

from typing import Annotated

import msgspec

from hashaudit.scan.config import RecordScope, ScanConfig
from hashaudit.scan.option import Group, Option, options_of
from hashaudit_cli.options import QuietOption, application, command, examples, select
from hashaudit_cli.settings import Settings

app = application()


class HashOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command, besides those of a scan."""

    form: Annotated[
        str, Option("format", "Choose what to write for each file.", Group.OUTPUT, metavar="list|jsonl|csv")
    ] = "list"
    output: Annotated[
        str | None,
        Option("output", "Write to this new file.", Group.OUTPUT, short="o", metavar="FILE", shown="standard output"),
    ] = None


@app.command(
    epilog=examples("hashaudit hash images -a pdq,sha256 -o reference.txt", "hashaudit hash /srv --format csv")
)
@command(
    "hash",
    select(
        ScanConfig,
        "max_frames",
        "workers",
        "max_rate_bytes_per_s",
        "low_impact",
        "endpoint_url",
        "request_payer",
        "path_style",
        roots="Directories, files or s3://BUCKET/PREFIX to hash.",
        algorithms="Compute these digests and perceptual hashes, such as pdq,phash,sha256. Without it: sha256.",
    ),
    options_of(HashOptions),
    options_of(QuietOption),
)
def hash_files(settings: Settings) -> int:
    """Hash files, to make a list from your own reference images or documents.

    The result is a list for `scan --list` and `lists build`.
    """
    # Start-up: --help needs none of this.
    from hashaudit.scan.check_config import checked  # noqa: PLC0415 # as above
    from hashaudit_cli.commands.hash_body import run_hash  # noqa: PLC0415 # as above

    own = settings.make(HashOptions)
    config = checked(settings.make(ScanConfig, variants="none", record=RecordScope.ALL))
    return run_hash(config, output=own.output, form=own.form, quiet=settings.make(QuietOption).quiet)
