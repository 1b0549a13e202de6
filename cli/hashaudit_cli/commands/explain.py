"""``hashaudit explain``: the meaning of a code, and what to do about it."""

from typing import Annotated

import msgspec

from hashaudit.scan.option import Option, options_of
from hashaudit_cli.options import JsonOption, application, command, examples
from hashaudit_cli.settings import Settings

app = application()


class ExplainOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    code: Annotated[
        str | None,
        Option("code", "Code of a record, or exit code. Without it, all are listed.", argument=True, metavar="CODE"),
    ] = None


@app.command(epilog=examples("hashaudit explain worker_crashed", "hashaudit explain 16"))
@command("explain", options_of(ExplainOptions), options_of(JsonOption))
def explain(settings: Settings) -> int:
    """Explain a fault code, skip reason, caveat, fault stage, consistency value or exit code."""
    from hashaudit_cli.commands.explain_body import run_explain  # noqa: PLC0415 # start-up: --help needs none of this

    return run_explain(settings.make(ExplainOptions).code, as_json=settings.make(JsonOption).as_json)
