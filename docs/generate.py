"""Writes the pages that are generated from the code (``make docs``). A test compares them with the committed pages."""

from pathlib import Path

from hashaudit.exit_codes import MEANINGS, ExitCode

DOCS = Path(__file__).parent

HEAD = """# Exit codes

For anyone who calls hashaudit from a script. The codes are the same for every command. `make docs` generates this page
from `hashaudit/exit_codes.py`.

| code | name | meaning |
|---|---|---|
"""

TAIL = """
Below 32, each bit has a meaning of its own: `code & 8` is set if a file has a deny match, `code & 16` if something was
not examined. Codes 1, 2 and 4 say nothing about the scanned data.
"""


def exit_codes() -> str:
    """Returns the page on exit codes."""
    return HEAD + "".join(f"| {_shown(code)} | {code.name} | {MEANINGS[code]} |\n" for code in ExitCode) + TAIL


def _shown(code: ExitCode) -> str:
    return "128 + N" if code is ExitCode.SIGNAL else str(code.value)


if __name__ == "__main__":
    (DOCS / "reference" / "exit-codes.md").write_text(exit_codes())
