"""``-`` and pipes as inputs, ``-`` as output, what a terminal shows, and the colours of messages."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from installed import COMMAND, Result, Tool

LISTED = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
"""SHA-256 of ``foo``."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tree with one listed file, and the list. Afterwards no copy of a pipe is left."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "found").write_bytes(b"foo")
    (tmp_path / "list").touch(mode=0o600)
    (tmp_path / "list").write_text(f"{LISTED}\n")
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert list((tmp_path / "temporary").iterdir()) == []


def run(hashaudit: Tool, place: Path, *words: str, **options: object) -> Result:
    return hashaudit(*words, env={"TMPDIR": str(place / "temporary"), "HASHAUDIT_UNSIGNED": ""}, **options)


def test_every_input_can_be_standard_input(hashaudit: Tool, place: Path) -> None:
    listed = (place / "list").read_bytes()
    done = run(hashaudit, place, "scan", "tree", "--list", "sha256=-", "-q", "-o", "out.jsonl", input=listed)
    assert done.code == 8
    assert "(list standard-input)" in done.err
    findings = (place / "out.jsonl").read_bytes()
    verified = run(hashaudit, place, "verify", "-", "out.jsonl", input=findings)
    assert verified.code == 0
    assert b"-: verified\n" in verified.out
    assert run(hashaudit, place, "show", "-", "--format", "paths", input=findings).out.endswith(b"tree/found\n")
    assert run(hashaudit, place, "lists", "info", "sha256=-", input=listed).code == 0
    manifest = run(hashaudit, place, "hash", "tree", "--format", "sums", "-a", "sha256", "-o", "-")
    assert LISTED.encode() in manifest.out
    assert run(hashaudit, place, "audit", "tree", "--against", "-", "-q", input=manifest.out).code == 0
    changed = manifest.out.replace(LISTED.encode(), b"0" * 63 + b"1")
    assert run(hashaudit, place, "audit", "tree", "--against", "-", "-q", input=changed).code == 8


def test_standard_input_is_taken_once(hashaudit: Tool, place: Path) -> None:
    listed = (place / "list").read_bytes()
    for words in (
        ("scan", "tree", "--list", "sha256=-", "--known", "sha256=-"),
        ("lists", "check", "sha256=-"),
        ("scan", "--files-from", "-", "--list", "sha256=-"),
    ):
        done = run(hashaudit, place, *words, input=listed)
        assert done.code == 2, done.err
    closed = run(hashaudit, place, "verify", "-", preexec_fn=lambda: os.close(0))
    assert (closed.code, "standard input is closed" in closed.err) == (2, True)


@pytest.mark.parametrize("words", ["--version", "explain root_empty", "keys --help"])
def test_a_result_for_a_closed_standard_output_is_an_error(words: str, hashaudit: Tool, place: Path) -> None:
    result = run(hashaudit, place, *words.split(), preexec_fn=lambda: os.close(1))
    assert (result.code, "cannot write to: 'standard output'" in result.err) == (4, True)


def test_a_shell_passes_the_output_of_commands_as_lists(hashaudit: Tool, place: Path) -> None:
    line = f"{COMMAND} scan tree --list sha256=<(cat list) --known sha256=<(echo {'1' * 64}) -q -o out.jsonl"
    done = subprocess.run(
        ["bash", "-c", line], check=False, capture_output=True, env=hashaudit.environment | {"TMPDIR": "temporary"}
    )
    assert done.returncode == 8, done.stderr
    os.mkfifo("pipe")
    refused = run(hashaudit, place, "scan", "tree", "--list", "sha256=pipe")
    assert refused.code == 4, "a named pipe may never have a writer"


def test_only_what_prints_can_have_standard_output(hashaudit: Tool, place: Path) -> None:
    listed = run(hashaudit, place, "scan", "tree", "--list", "sha256=list", "-o", "-")
    assert (listed.code, listed.lines[0]["kind"]) == (8, "run")
    for words in (("lists", "build", "list", "-o", "-"), ("audit", "tree", "--against", "list", "-o", "-")):
        done = run(hashaudit, place, *words)
        assert (done.code, "must be the name of a file" in done.err) == (2, True)
    assert not (place / "-").exists()


def on_terminal(hashaudit: Tool, *words: str, **environment: str) -> str:
    """Runs a command on a terminal; returns its standard output and standard error together."""
    ours, theirs = pty.openpty()
    columns = environment.pop("COLUMNS", "200")
    process = subprocess.Popen(
        [COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=hashaudit.environment | {"TERM": "xterm", "COLUMNS": columns} | environment,
    )
    os.close(theirs)
    shown = b""
    try:
        while data := os.read(ours, 65536):
            shown += data
    except OSError:  # the last writer has closed the terminal
        pass
    os.close(ours)
    process.wait()
    return shown.decode()


def test_a_scan_on_a_terminal_shows_no_records_and_keeps_nothing(hashaudit: Tool, place: Path) -> None:
    shown = on_terminal(hashaudit, "scan", "tree", "--list", "sha256=list")
    assert '"kind"' not in shown
    assert "nothing is kept" in shown
    assert "\u2502" in shown, "there is room for a table"
    assert not (hashaudit.home / ".config").exists(), "nothing is signed, so no key is created"
    assert '"kind"' in on_terminal(hashaudit, "scan", "tree", "--list", "sha256=list", "-o", "-")
    (place / "tree" / "found").write_bytes(b"other")
    assert on_terminal(hashaudit, "scan", "tree", "--list", "sha256=list", "-q") == ""


def test_a_finding_has_one_line_where_a_table_does_not_fit(hashaudit: Tool, place: Path) -> None:
    path = place / "tree" / "found"
    narrow = on_terminal(hashaudit, "scan", "tree", "--list", "sha256=list", COLUMNS="40")
    piped = run(hashaudit, place, "scan", "tree", "--list", "sha256=list", "-o", "out.jsonl").err
    for shown in (narrow, piped):
        assert f"{path}: list, sha256, exact" in shown.replace("\r", "").splitlines()
        assert "\u2502" not in shown


def test_colours_follow_the_option_then_the_terminal(hashaudit: Tool) -> None:
    words = ("explain", "nonsense")
    red = "\x1b[1;31merror:\x1b[0m"
    assert red in on_terminal(hashaudit, *words)
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"HASHAUDIT_COLOR": "never"}):
        assert "\x1b[" not in on_terminal(hashaudit, *words, **plain), plain
    assert red in on_terminal(hashaudit, *words, "--color", "always", NO_COLOR="1")
    assert "\x1b[" not in hashaudit(*words).err
    assert red in hashaudit(*words, "--color", "always").err
    assert "must be one of auto, always, never" in hashaudit(*words, "--color", "red").err


def test_the_copy_of_a_pipe_is_private(hashaudit: Tool, place: Path) -> None:
    session = place / "session"
    session.mkdir(mode=0o700)
    words = ("lists", "info", "sha256=-")
    done = hashaudit(*words, input=b"%s\n" % LISTED.encode(), env={"XDG_RUNTIME_DIR": str(session)})
    path = next(line.split()[1] for line in done.out.decode().splitlines() if line.startswith("path:"))
    assert Path(path).parent.parent == session
    assert list(session.iterdir()) == []
