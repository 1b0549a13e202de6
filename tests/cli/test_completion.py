"""Completion of command lines, in the real shells."""

import shutil
import subprocess
from pathlib import Path

import pytest

from completing_shell import completing_shell
from hashaudit_cli.command import all_options
from hashaudit_cli.completion.value_kinds import DIRECTORIES, FILES, ValueKind, completed_value
from installed import Tool

TEXT = frozenset(
    "ADDRESS ALGO=N CATEGORY CMD COLUMN=FIELD DATE FIELDS FINGERPRINT FORMAT GLOB I/N ID MODULE:CALLABLE N N|N% NAME "  # noqa: SIM905
    "PATTERN S SEQ SIZE TEXT TIME TYPE URL [NAME=]PATTERN".split()
)
"""Metavars of values that no shell can know."""

LINES = {
    "hashaudit sc": "hashaudit scan ",
    "hashaudit lists ": "verify",
    "hashaudit help jo": "hashaudit help job ",
    "hashaudit scan --tra": None,
    "hashaudit scan --max-ra": "hashaudit scan --max-rate",
    "hashaudit scan --record f": "hashaudit scan --record findings ",
    "hashaudit export sar": "hashaudit export sarif ",
    "hashaudit export sarif m": "hashaudit export sarif my\\ list.txt ",
    "hashaudit scan --list sha256=m": "hashaudit scan --list sha256=my\\ list.txt ",
    "hashaudit scan --exhibit 4 m": "hashaudit scan --exhibit 4 my\\ list.txt ",
    "hashaudit scan --exhibit m": None,
    "hashaudit scan -a md5,sha1,blake3,pd": "hashaudit scan -a md5,sha1,blake3,pdq",
    "hashaudit job units --write d": "hashaudit job units --write directory/",
    "hashaudit job units --write m": None,
    "hashaudit explain changed_while_w": "hashaudit explain changed_while_walked ",
    "hashaudit completion f": "hashaudit completion fish ",
}
"""A command line up to the TAB key, and the line that the shell makes of it; ``None``: the same."""


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell} (Debian: {shell})")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "directory").mkdir()
    (tmp_path / "my list.txt").touch()
    return tmp_path


def script_for(shell: str, hashaudit: Tool, home: Path) -> Path:
    done = hashaudit("completion", shell)
    assert (done.code, done.err) == (0, "")
    script = home / f"script.{shell}"
    script.write_bytes(done.out)
    return script


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_what_is_typed(shell: str, hashaudit: Tool, home: Path) -> None:
    needs(shell)
    with completing_shell(shell, script_for(shell, hashaudit, home), home) as running:
        for typed, shown in LINES.items():
            running.type(f"{typed}\t")
            if shown is None:
                running.type("#end")
            running.wait_for(f"{typed}#end" if shown is None else shown)
            running.clear()


def test_fish_completes_what_is_typed(hashaudit: Tool, home: Path) -> None:
    needs("fish")
    script = script_for("fish", hashaudit, home)
    commands = "".join(f"; echo '> {typed}'; complete -C '{typed}'" for typed in LINES)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}{commands}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=home,
        env=hashaudit.environment | {"HOME": str(home)},
    )
    assert done.stderr == ""
    for block in done.stdout.split("> ")[1:]:
        typed, *offered = block.splitlines()
        shown = LINES[typed]
        if shown is None:
            assert offered == [], typed
        else:
            ends = [line.partition("\t")[0].replace(" ", "\\ ") for line in offered]
            assert any(shown.strip().endswith(end) for end in ends), (typed, offered)


def test_every_kind_of_value_is_decided() -> None:
    undecided = {
        (words, one.name)
        for words, options in all_options().items()
        for one in options
        if not one.is_flag
        if completed_value(one).kind is ValueKind.TEXT
        if (one.option.metavar or one.name.upper()) not in TEXT
    }
    assert undecided == set()
    assert not TEXT & (FILES | DIRECTORIES)


def test_an_unknown_shell_is_an_error(hashaudit: Tool) -> None:
    done = hashaudit("completion", "tcsh")
    assert done.code == 2
    assert "must be one of bash, zsh, fish" in done.err
