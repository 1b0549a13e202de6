"""``make docs``: writes the pages that are generated from the code. A test compares them with what is committed."""

from pathlib import Path

from hashaudit.exit_codes import MEANINGS, ExitCode

DOCS = Path(__file__).parent

HEAD = """# Exit codes

Generated from `hashaudit/exit_codes.py` by `make docs`. They hold for every command.

| code | name | meaning |
|---|---|---|
"""

TAIL = """
A script that needs one bit at a time: `code & 8` is set when something matched, `code & 16` when something was not
examined, as long as the code is below 32. Codes 1, 2 and 4 are never a verdict about the storage.
"""


def exit_codes() -> str:
    """The page on exit codes."""
    return HEAD + "".join(f"| {_shown(code)} | {code.name} | {MEANINGS[code]} |\n" for code in ExitCode) + TAIL


def _shown(code: ExitCode) -> str:
    return "128 + N" if code is ExitCode.SIGNAL else str(code.value)


if __name__ == "__main__":
    (DOCS / "reference" / "exit-codes.md").write_text(exit_codes())
