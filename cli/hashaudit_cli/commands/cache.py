"""``hashaudit cache``: inspects and prunes the cache that ``scan --cache`` keeps."""

from typing import Annotated

import msgspec

from hashaudit.scan.option import Option, options_of
from hashaudit_cli.options import JsonOption, application, command, examples
from hashaudit_cli.settings import Settings

app = application("Inspect and prune the cache that `scan --cache` keeps. No command shows a path or a hash.")


@app.callback()
def cache() -> None:
    """Inspect and prune the cache that ``scan --cache`` keeps."""


class CacheOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The argument of both commands."""

    file: Annotated[str, Option("file", "The cache.", argument=True, metavar="FILE")]


class PruneOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``cache prune``."""

    days: Annotated[
        int,
        Option(
            "days",
            "Remove files not seen by any scan for N days, or up to 7 more.",
            metavar="N",
            unit="days",
            minimum=0,
        ),
    ] = 90


@app.command("stats", epilog=examples("hashaudit cache stats hashes.db"))
@command("cache stats", options_of(CacheOptions), options_of(JsonOption))
def stats(settings: Settings) -> int:
    """Show what a cache holds: files, scans, algorithms and their versions, size, when its files were last seen."""
    from hashaudit_cli.commands.cache_body import run_stats  # noqa: PLC0415 # start-up: --help needs none of this

    return run_stats(settings.make(CacheOptions).file, as_json=settings.make(JsonOption).as_json)


@app.command("prune", epilog=examples("hashaudit cache prune hashes.db --days 30"))
@command("cache prune", options_of(CacheOptions), options_of(PruneOptions), options_of(JsonOption))
def prune(settings: Settings) -> int:
    """Remove files that no scan has seen for a while, and free their space."""
    from hashaudit_cli.commands.cache_body import run_prune  # noqa: PLC0415 # as above

    days = settings.make(PruneOptions).days
    return run_prune(settings.make(CacheOptions).file, days, as_json=settings.make(JsonOption).as_json)
