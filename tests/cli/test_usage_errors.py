"""Wrong command lines: each ends in exit code 2 with one message and one hint, whichever layer finds the error."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from installed import Tool

WRONG = [
    ("scan / --nosuch", "unknown option: '--nosuch'", "see 'hashaudit scan --help'"),
    ("scan / --listt x", "unknown option: '--listt'", "did you mean '--list'?"),
    ("scan / --workers 4", "unknown option: '--workers'", "did you mean '--jobs'?"),
    ("scan / --deny x", "unknown option: '--deny'", "did you mean '--list'?"),
    ("hash / --deny x", "unknown option: '--deny'", "see 'hashaudit hash --help'"),
    ("scan / -Q", "unknown option: '-Q'", "see 'hashaudit scan --help'"),
    ("scan / --jobs", "missing value for option: '--jobs'", "see 'hashaudit scan --help'"),
    ("scan / --jobs=", "invalid --jobs: ''; must be a valid integer", "see 'hashaudit scan --help'"),
    ("scan / -jmany", "invalid --jobs: 'many'; must be a valid integer", "see 'hashaudit scan --help'"),
    ("scan / --quiet=5", "unexpected value for --quiet: '5'; the option takes none", "see 'hashaudit scan --help'"),
    ("cache prune f --days -1", "invalid --days: '-1'; must be 0 or more", "see 'hashaudit cache prune --help'"),
    ("cache prune f --days=x", "invalid --days: 'x'; must be a valid integer", "see 'hashaudit cache prune --help'"),
    ("cache stats", "missing argument: 'FILE'", "see 'hashaudit cache stats --help'"),
    ("cache stats a b c", "unexpected argument: 'b c'", "see 'hashaudit cache stats --help'"),
    ("merge a", "missing option: '--output'", "see 'hashaudit merge --help'"),
    ("compare a", "missing argument: 'B'", "see 'hashaudit compare --help'"),
    ("keys new --passphrase-fd x", "invalid --passphrase-fd: 'x'; must be a valid integer", "see 'hashaudit keys new"),
    ("scna /", "unknown command: 'scna'", "did you mean 'scan'?"),
    ("bogus", "unknown command: 'bogus'", "see 'hashaudit --help'"),
    ("lists biuld x", "unknown command: 'biuld'", "did you mean 'build'?"),
    ("lists bogus", "unknown command: 'bogus'", "see 'hashaudit lists --help'"),
    ("keys --bogus", "unknown option: '--bogus'", "see 'hashaudit keys --help'"),
    ("--vers", "unknown option: '--vers'", "did you mean '--version'?"),
]

COMMANDS = [
    "scan",
    "verify",
    "merge",
    "hash",
    "compare",
    "doctor",
    "explain",
    "lists build",
    "lists merge",
    "lists info",
    "lists verify",
    "lists check",
    "lists diff",
    "lists export",
    "keys new",
    "cache stats",
    "cache prune",
]


def refused(hashaudit: Tool, *words: str) -> tuple[str, str]:
    """Returns the message and the hint, after checking that there is nothing else."""
    result = hashaudit(*words)
    assert (result.code, result.out) == (2, b"")
    message, hint = result.err.splitlines()
    assert message.startswith("hashaudit: error: ")
    assert hint.startswith("hint: ")
    return message.removeprefix("hashaudit: error: "), hint.removeprefix("hint: ")


@pytest.mark.parametrize(("words", "message", "hint"), WRONG, ids=[words for words, _, _ in WRONG])
def test_a_wrong_command_line_is_explained_in_two_lines(words: str, message: str, hint: str, hashaudit: Tool) -> None:
    found = refused(hashaudit, *words.split(" "))
    assert found[0] == message
    assert found[1].startswith(hint)


def test_an_error_that_a_command_finds_itself_has_a_hint(hashaudit: Tool) -> None:
    message, hint = refused(hashaudit, "scan")
    assert "ROOT" in message
    assert hint == "name at least one directory or file to scan"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_its_own_help(command: str, hashaudit: Tool) -> None:
    message, hint = refused(hashaudit, *command.split(), "--zzzz")
    assert (message, hint) == ("unknown option: '--zzzz'", f"see 'hashaudit {command} --help'")
    helped = hashaudit(*command.split(), "--help")
    assert (helped.code, helped.err) == (0, "")
    assert f"hashaudit {command}" in helped.out.decode()


def test_a_value_cannot_steer_the_terminal(hashaudit: Tool) -> None:
    message, _ = refused(hashaudit, "\x1b[31mred")
    assert message == r"unknown command: '\x1b[31mred'"


@pytest.mark.parametrize("words", [(), ("lists",), ("keys",), ("cache",)])
def test_no_command_shows_the_help(words: tuple[str, ...], hashaudit: Tool) -> None:
    result = hashaudit(*words)
    assert (result.code, result.err) == (2, "")
    assert b"Usage: hashaudit" in result.out


def test_messages_hold_no_secret(hashaudit: Tool) -> None:
    for words in (
        ("scan", "s3://KEY:hunt/er2hunter2@bucket/prefix", "--record", "all"),
        ("scan", "x", "--endpoint-url", "http://u:hunter2hunter2@h", "--scheduler", "tcp://hunter2hunter2@h:1"),
        ("scan", "x", "--hunter=https://h/?sig=hunter2hunter2"),
    ):
        result = hashaudit(*words)
        assert result.code == 2
        assert "er2hunter2" not in result.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_no_command_waits_for_a_planted_fifo(hashaudit: Tool, tmp_path: Path) -> None:
    tree, output = tmp_path / "tree", tmp_path / "findings"
    tree.mkdir()
    (tree / "file").write_bytes(b"x")
    assert hashaudit("scan", tree, "--record", "all", "-o", output, "-q").code == 0
    sidecar, journal = Path(f"{output}.sig"), Path(f"{output}.journal")
    sidecar.unlink()
    os.mkfifo(sidecar)
    os.mkfifo(journal)
    for words in (("verify", output), ("merge", output, "-o", tmp_path / "whole"), ("verify", sidecar)):
        result = hashaudit(*words)
        assert result.code == 4
        assert "not a regular file" in result.err
    assert hashaudit("scan", "--resume", output, "-q").code == 4


FORM = re.compile(r"hashaudit: error: [^'\n]+(: '[^'\n]*'( or '[^'\n]*')?(; .+)?)?\nhint: .+\n")
"""``what failed: 'value'; cause``, and what to do."""


NOTICE = re.compile("hashaudit: (list |created signing key )")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("scan tree --list list --unsigned -o list/out", 4),
        ("scan tree --list tree --unsigned", 4),
        ("scan tree --list nothing --unsigned", 4),
        ("scan tree --list list --unsigned --jobs 0", 2),
        ("scan tree --list list --unsigned --inside-depth 0", 2),
        ("scan tree --list list --unsigned --min-quality 101", 2),
        ("scan tree --list list --key list", 4),
        ("scan --resume nothing", 4),
        ("hash tree --piece 0", 2),
        ("audit tree", 2),
        ("extract-check list", 2),
        ("lists verify list", 4),
        ("merge - -o new", 2),
        ("verify tree", 4),
        ("history nothing", 4),
        ("incident verify tree", 4),
        ("cache stats nothing", 4),
        ("compare nothing list", 4),
    ],
)
def test_an_error_names_what_failed_the_value_and_what_to_do(
    words: str, code: int, hashaudit: Tool, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    (tmp_path / "list").write_text("a" * 64)
    (tmp_path / "list").chmod(0o600)
    result = hashaudit(*words.split(), cwd=tmp_path)
    assert result.code == code
    message = "".join(line for line in result.err.splitlines(keepends=True) if not NOTICE.match(line))
    assert FORM.fullmatch(message), message


@pytest.mark.parametrize("words", ["--version", "--help", "explain", "scan --help"])
def test_a_full_disk_behind_standard_output_is_an_error(words: str, hashaudit: Tool) -> None:
    with open("/dev/full", "wb") as full:
        process = hashaudit.start(*words.split(), stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert err.startswith(b"hashaudit: error: cannot write to: 'standard output'; No space left on device\nhint: ")


def test_a_pipe_is_read_where_a_file_is_and_named_as_it_was_given(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a" * 64)
    assert hashaudit("lists", "build", tmp_path / "list", "-o", tmp_path / "index").code == 0
    assert hashaudit("lists", "verify", "-", input=(tmp_path / "index").read_bytes()).code == 0
    for words in (("lists", "verify", "-"), ("show", "-"), ("report", "-")):
        result = hashaudit(*words, input=b"text\n")
        assert result.code == 4
        assert re.match("hashaudit: error: [a-z ]+: '-'; ", result.err), result.err
    assert hashaudit("history", "-", input=b"text\n").code == 4
