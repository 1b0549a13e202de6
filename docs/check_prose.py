"""Checks the words of docstrings, comments, messages and pages against the glossary: `python docs/check_prose.py`.

Each banned word or pattern has the standard word beside it (docs/glossary.md). Code in backticks is not checked.
"""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]

BANNED = {
    r"told|tells?|telling": "report, say, distinguish",
    r"met": "found, seen",
    r"anew": "again",
    r"be it": "whether ... or",
    r"thereby": "so",
    r"whoever|whatever|whomever": "any",
    r"(go|goes|going|gone|went) on with": "resume, continue",
    r"pass(es|ed|ing)? over": "skip",
    r"(left|leaves?|leaving) out": "skip, exclude, omit",
    r"sets? aside|setting aside": "move to a backup file",
    r"cag(e|es|ed)": "sandbox",
    r"strangers?": "third party",
    r"folders?": "directory",
    r"pictures?": "image",
    r"so many of": "a count of",
    r"to be had": "available",
    r"mend(s|ed|ing)?": "fix",
    r"reckon(s|ed|ing)?": "estimate, count",
    r"(?<!there )(?<!There )(is|are) (none|no [a-z]+(?= *[;,.:]|$))": "is not a",
    r"as ever": "as usual",
}
HEADLESS = re.compile(r"(What|Of|Whether|Those|Whose)\b")
"""How a first line begins that says neither what a thing is nor what it does."""

_WORDS = re.compile("|".join(rf"(?P<w{number}>\b(?:{word})\b)" for number, word in enumerate(BANNED)), re.IGNORECASE)
_CODE = re.compile(
    r"^ +\w+: |```.*?```|``.*?``|`[^`\n]*`|\(https?://[^)]*\)|\]\([^)]*\)|[\w.-]*/[\w./-]+|:\w+:",
    re.DOTALL | re.MULTILINE,
)
_NAME = re.compile(r"\b\w*_\w+\b|--[a-z-]+")

Complaint = tuple[Path, int, str]


def _is_prose(text: str) -> bool:
    """Returns whether a string is text, not a word or a quoted type."""
    return " " in text and " | " not in text


def of_text(path: Path, first_line: int, text: str) -> Iterator[Complaint]:
    """Yields a complaint for each banned word in a text."""
    bare = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), text)
    bare = _NAME.sub(" ", bare)
    for found in _WORDS.finditer(bare):
        standard = list(BANNED.values())[int(str(found.lastgroup)[1:])]
        line = first_line + bare.count("\n", 0, found.start())
        yield path, line, f"'{found.group()}': write {standard}"


def of_module(path: Path) -> Iterator[Complaint]:
    """Yields the complaints about a module's docstrings, field docs, comments and messages."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from of_text(path, token.start[0], token.string)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_prose(node.value):
            yield from of_text(path, node.lineno, node.value)
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))) if HEADLESS.match(text):
                yield path, node.lineno, f"begins with '{text.split()[0]}': say what it is or what it does"


def main() -> int:
    """Prints every complaint. Returns 1 if there is any."""
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split("\n")
    complaints: list[Complaint] = []
    for name in listed:
        path = TOP / name
        if not path.is_file() or path == Path(__file__).resolve():
            continue
        if name.startswith(("hashaudit/", "cli/")) and path.suffix == ".py":
            complaints += of_module(path)
        elif path.suffix == ".md" and name.startswith(("docs/", "README", "CHANGELOG", "CONTRIBUTING", "SECURITY")):
            complaints += of_text(path, 1, path.read_text())
    for path, line, text in complaints:
        print(f"{path.relative_to(TOP)}:{line}: {text}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
