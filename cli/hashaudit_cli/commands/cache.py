"""``hashaudit cache``: inspects and prunes the cache that ``scan --cache`` keeps."""

from typing import Annotated

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.model.counted import counted
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.options import JsonOption
from hashaudit_cli.settings import Settings
from hashaudit_cli.ui.terminal import bytes_shown, print_json, printable


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


@command("cache stats", options_of(CacheOptions), options_of(JsonOption), examples=("hashaudit cache stats hashes.db",))
def stats(settings: Settings) -> int:
    """Show what a cache holds: files, scans, algorithms and their versions, size, when its files were last seen."""
    from hashaudit.cache import maintenance

    found = maintenance.stats(settings.make(CacheOptions).file)
    if settings.make(JsonOption).as_json:
        print_json(found)
        return ExitCode.COMPLETE
    print(f"{counted(found.files, 'file')} from {counted(found.runs, 'run')}, {bytes_shown(found.bytes)}")
    if found.first_met is not None:
        print(f"last seen by a scan between {found.first_met} and {found.last_met} (+/- 1 week)")
    for recipe, count in found.recipes.items():
        print(f"{count:>12,}  {printable(recipe)}")
    return ExitCode.COMPLETE


@command(
    "cache prune",
    options_of(CacheOptions),
    options_of(PruneOptions),
    options_of(JsonOption),
    examples=("hashaudit cache prune hashes.db --days 30",),
)
def prune(settings: Settings) -> int:
    """Remove files that no scan has seen for a while, and free their space."""
    from hashaudit.cache import maintenance

    done = maintenance.prune(settings.make(CacheOptions).file, settings.make(PruneOptions).days)
    if settings.make(JsonOption).as_json:
        print_json(done)
    else:
        print(f"removed {counted(done.forgotten, 'file')}, kept {done.kept:,}; size now {bytes_shown(done.bytes)}")
    return ExitCode.COMPLETE
