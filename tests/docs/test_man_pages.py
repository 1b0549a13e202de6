"""The manual pages: complete, and correct for every program that shows them."""

import shutil
import subprocess
from pathlib import Path

import pytest

import generate
from hashaudit_cli.command import all_options
from man_pages import man_pages

PAGES = sorted(generate.MANUAL.glob("man?/*"))
PROGRAMS = {
    "mandoc": ("mandoc", "-T", "lint", "-W", "all"),
    "groff": ("groff", "-ww", "-man", "-T", "utf8", "-z"),
}


def complaints(program: str, *pages: Path) -> list[str]:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} (Debian: {program})")
    # Each page by itself: requests of one could hide an error of the next.
    done = [subprocess.run([*PROGRAMS[program], page], capture_output=True, text=True, check=False) for page in pages]
    return [line for one in done for line in (one.stdout + one.stderr).splitlines()]


def test_every_command_has_a_page_with_all_its_options() -> None:
    for words, options in all_options().items():
        text = (generate.MANUAL / "man1" / f"hashaudit-{words.replace(' ', '-')}.1").read_text()
        for one in options:
            if not one.option.argument:
                assert rf"\fB\-\-{one.name.replace('-', chr(92) + '-')}\fP" in text, (words, one.name)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_page_has_an_error_or_a_warning(program: str) -> None:
    assert complaints(program, *PAGES) == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_page_is_noticed(program: str, tmp_path: Path) -> None:
    page = tmp_path / "wrong.1"
    page.write_text(PAGES[0].read_text() + ".nonsense\n")
    assert complaints(program, page)


def test_a_page_keeps_what_would_be_a_request_or_an_escape() -> None:
    text = man_pages("# Title\n\n`'a` and `.b\\c`, --long-option, \u00fc.\n\n```sh\n.dot 'quote' ~^\n```\n")[
        "man5/hashaudit-findings.5"
    ]
    assert r"\fB\(aqa\fP and \fB.b\(rsc\fP, \-\-long\-option, \[u00FC]." in text
    assert "\n\\&.dot \\(aqquote\\(aq \\(ti\\(ha\n" in text
