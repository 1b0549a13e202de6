"""Findings files with hostile names and labels, and reports of them."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from findings_lab import RUN_ID, fault, hash_list, match, record, signing_key, unlisted_folder, write_run
from hashaudit.record.verify.trust import Trust
from hashaudit.report.build_report import build_report
from hashaudit.report.report_values import Report
from hashaudit.triage.findings_input import FindingsInput, verify_input

KEY = signing_key()

HOSTILE = [
    "<script>alert(1)<x",
    '"><img src=x onerror=alert(2)>',
    "</script><script>alert(3)<x",
    "'onmouseover='alert(4)",
    "&lt;b&gt;",
    "javascript:alert(5)",
    "{{7*7}}{% raw %}",
    "]]><!--",
    "\u202egpj.exe",
    "a\u200bb\u2066c\U000e0041",
    "tab\tcr\rline\nesc\x1b[31m",
    "`` ` ``| [a](http://example.org) @all",
    "=1+1",
    "L" * 65_536,
    "\u00fc\u4e2d\U0001f600",
]
"""Names and labels as an attacker chooses them; none has a slash or NUL, so each can be a file's name."""


def hostile_file(path: Path) -> Path:
    """A signed file with a finding for each hostile text, faults, and a directory that could not be listed."""
    findings = [record(text.encode(), matches=[match(labels={"comment": text, text[:100]: "x"})]) for text in HOSTILE]
    raw = record(b"\xff\xfe raw", matches=[match(category="1")], faults=[fault()])
    return write_run(path, [[*findings, raw], [record(b"f<i>", faults=[fault()]), unlisted_folder()]], signer=KEY)


def hostile_series(folder: Path) -> None:
    """Files of scans whose host, list and own names are hostile."""
    for number, text in enumerate(HOSTILE):
        path = folder / f"{number}{text[:60]}".replace("/", ":")
        lists = (msgspec.structs.replace(hash_list(), name=text, version=text, date=text),)
        run_id = f"{RUN_ID[:-2]}{number:02d}"
        write_run(path, [[record(b"a")]], signer=KEY, run_id=run_id, host=text[:100], lists=lists)


def report_of(*paths: Path, trust: Trust = KEY.public_key, **options: Any) -> Report:
    """The report of some files."""
    files = [verify_input(FindingsInput(path=str(path).encode(), trust=trust)) for path in paths]
    return build_report(files, made="2026-01-01 00:00:00 UTC", tool="hashaudit 0", **options)


class Page(HTMLParser):
    """The elements of a page, and its text without styles and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag in {"script", "style"} else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.text += data
