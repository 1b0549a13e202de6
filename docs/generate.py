"""Writes the pages that are generated from the code (``make docs``). A test compares them with the committed pages."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from hashaudit.explanations import GROUPS, Code, CodeGroup

DOCS = Path(__file__).parent

HEAD = """# Codes

For anyone who reads findings or calls hashaudit from a script. Each code has a meaning and an action.
`hashaudit explain CODE` prints the same, and `hashaudit explain` lists all codes. `make docs` generates this page from
`hashaudit/explanations.py`.
"""

EXIT_CODE_BITS = """
Below 32, each bit has a meaning of its own: `code & 8` is set if a file has a deny match, `code & 16` if something was
not examined. Codes 1 to 4 say nothing about the scanned data.
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


if __name__ == "__main__":
    (DOCS / "reference" / "codes.md").write_text(codes())
