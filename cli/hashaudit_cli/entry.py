"""Where the console script enters. Imports nothing heavy: ``hashaudit --version`` answers at once."""

import sys


def main() -> None:
    """Runs the command and exits with its code (docs/exit-codes.md)."""
    if sys.argv[1:] == ["--version"]:
        from hashaudit import __version__  # noqa: PLC0415 # start-up: the command line is not needed for this

        print(f"hashaudit {__version__}")
        return
    from hashaudit_cli.app import app  # noqa: PLC0415 # start-up, as above

    app()
