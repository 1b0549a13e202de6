"""The bodies of ``hashaudit cache``."""

import msgspec

from hashaudit.cache.maintenance import prune, stats
from hashaudit.exit_codes import ExitCode
from hashaudit_cli.ui.terminal import bytes_shown, counted, printable


def run_stats(file: str, *, as_json: bool) -> int:
    """Prints the contents of a cache in numbers.

    Raises:
        CacheError: the cache cannot be used.
    """
    found = stats(file)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return ExitCode.COMPLETE
    print(f"{counted(found.files, 'file')} from {counted(found.runs, 'run')}, {bytes_shown(found.bytes)}")
    if found.first_met is not None:
        print(f"last seen by a scan between {found.first_met} and {found.last_met} (+/- 1 week)")
    for recipe, count in found.recipes.items():
        print(f"{count:>12,}  {printable(recipe)}")
    return ExitCode.COMPLETE


def run_prune(file: str, days: int, *, as_json: bool) -> int:
    """Prunes a cache and prints the result.

    Raises:
        CacheError: the cache cannot be used.
    """
    done = prune(file, days)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(done), indent=2).decode())
    else:
        print(f"removed {counted(done.forgotten, 'file')}, kept {done.kept:,}; size now {bytes_shown(done.bytes)}")
    return ExitCode.COMPLETE
