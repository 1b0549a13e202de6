"""The scan command from its options to its exit codes, as a user or a script meets it."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hashaudit as library
import hashaudit_cli
from hashaudit.host.birth_time import birth_of
from hashaudit.record import timestamps
from installed import COMMAND, Tool, Word, of_kind, parsed, totals

MakeList = Callable[..., Path]


def test_the_suite_runs_the_installed_package() -> None:
    here = Path(__file__).resolve().parents[2]
    if os.environ.get("HASHAUDIT_NO_SKIPS"):
        assert "site-packages" in str(library.__file__)
        assert not str(hashaudit_cli.__file__).startswith(str(here / "cli"))
    assert Path(COMMAND).exists()


def test_clean(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"clean")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"))
    assert result.code == 0
    assert [line["kind"] for line in result.lines] == ["run", "checkpoint", "checkpoint"]
    assert totals(result.lines)["clean"] == 1


def test_finding_holds_what_the_contract_says(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"other", b"wanted"), "-a", "md5,blake3")
    assert result.code == 8
    [finding] = of_kind(result.lines, "finding")
    status = path.stat()
    assert finding["seq"] == 2
    assert finding["entry"]["path"] == str(path)
    assert finding["state"]["size"] == 6
    assert finding["state"]["inode"] == str(status.st_ino)
    assert finding["state"]["device"] == str(status.st_dev)
    assert finding["state"]["mode"] == f"{status.st_mode & 0o7777:04o}"
    assert (finding["state"]["uid"], finding["state"]["gid"]) == (status.st_uid, status.st_gid)
    assert finding["state"]["links"] == 1
    # The worker asks for it inside its sandbox.
    birth = birth_of(os.fsencode(path))
    assert finding["state"].get("birth_time") == (birth and timestamps.to_text(birth.birth_ns))
    assert finding["state"]["mtime"].endswith(f"{status.st_mtime_ns % 10**9:09d}Z")
    assert finding["digests"]["md5"] == hashlib.md5(b"wanted").hexdigest()
    assert list(finding["digests"]) == ["md5", "sha256", "blake3"]
    assert finding["matches"] == [
        {
            "list": {"number": 1, "name": "list.txt", "entry": "line 2"},
            "algorithm": "sha256",
            "type": "exact",
            "labels": {},
            "role": "deny",
        }
    ]
    assert finding["human_viewed"] is False
    assert finding["needs_confirmation"] == []
    assert finding["consistency"] == "stable"


def test_lists_are_never_echoed(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"clean")
    wanted = make_list(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", wanted)
    broken = tmp_path / "broken"
    broken.write_text(wanted.read_text() + "deadbeef is not a hash\n" + wanted.read_text()[:-10])
    broken.chmod(0o600)
    bad = hashaudit("scan", tmp_path, "--list", broken)
    secret = hashlib.sha256(b"wanted").hexdigest()[:12]
    for text in (result.out.decode(), result.err, bad.out.decode(), bad.err):
        assert secret not in text
        assert "deadbeef" not in text


def test_known_hits_are_no_findings_and_hide_none(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "both").write_bytes(b"both")
    (tmp_path / "known").write_bytes(b"known")
    (tmp_path / "neither").write_bytes(b"neither")
    result = hashaudit(
        "scan", tmp_path, "--list", make_list(b"both"), "--known", make_list(b"both", b"known"), "--record", "all"
    )
    assert result.code == 8
    [finding] = of_kind(result.lines, "finding")
    assert [match["role"] for match in finding["matches"]] == ["deny", "known"]
    files = {Path(line["entry"]["path"]).name: line.get("matches", []) for line in of_kind(result.lines, "file")}
    assert [match["role"] for match in files["known"]] == ["known"]
    assert files["neither"] == []
    counted = totals(result.lines)
    assert (counted["matched"], counted["known"], counted["clean"]) == (1, 1, 1)


def test_without_a_record_of_all_known_files_are_counted(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "known").write_bytes(b"known")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--known", make_list(b"known"))
    assert result.code == 0
    assert totals(result.lines)["known"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--list"),
        (["--known", "LIST"], "--list"),
        (["--list", "LIST", "-j", "0"], "--jobs"),
        (["--list", "LIST", "-a", "sha257"], "sha257"),
        (["--list", "sha256="], "equals"),
        (["--list", "LIST", "--unsigned", "--key", "k"], "mutually exclusive"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_usage_errors(words: list[str], said: str, hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    wanted = str(make_list(b"x"))
    result = hashaudit("scan", tmp_path, *[wanted if word == "LIST" else word for word in words])
    assert result.code == 2, result.err
    assert said in result.err
    assert result.out == b""
    assert "Traceback" not in result.err


HALF_SET = (0x0F, 0x17, 0x1B, 0x1D, 0x1E, 0x27, 0x2B, 0x2D)
"""Bytes with half of their bits set, as PDQ hashes have."""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "format"),
        (b"hello world\n", "format"),
        (b"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n1,xyz,name\n", "line 3"),
        (b"ab" * 32 + b"\n" + b"ab" * 30, "truncated"),
        (b"".join(b"%02x" % number * 4 + b"0f" * 28 + b"\n" for number in HALF_SET), "sha256=FILE"),
    ],
)
def test_lists_that_cannot_be_used(content: bytes, said: str, hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    path = tmp_path / "list"
    path.write_bytes(content)
    path.chmod(0o600)
    result = hashaudit("scan", tmp_path / "tree", "--list", path, "-o", tmp_path / "out")
    assert result.code == 4
    assert said in result.err
    assert not (tmp_path / "out").exists()


def test_a_missing_list_or_key_cannot_start(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    assert hashaudit("scan", tmp_path, "--list", tmp_path / "gone").code == 4
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--key", tmp_path / "gone")
    assert result.code == 4
    assert "keys new" in result.err


def test_output_is_private_signed_and_never_overwritten(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"y")
    wanted = make_list(b"x")
    output = tmp_path / "findings.jsonl"
    assert hashaudit("scan", tmp_path / "tree", "--list", wanted, "-o", output).code == 0
    assert output.stat().st_mode & 0o777 == 0o600
    before = output.read_bytes()
    again = hashaudit("scan", tmp_path / "tree", "--list", wanted, "-o", output)
    assert again.code == 4
    assert "exists" in again.err
    assert output.read_bytes() == before
    assert hashaudit("verify", output).code == 0


def test_the_first_run_makes_a_key_and_says_how_to_trust_it(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    wanted = make_list(b"x")
    first = hashaudit("scan", tmp_path, "--list", wanted)
    key = hashaudit.home / ".config" / "hashaudit" / "signing_key"
    assert key.stat().st_mode & 0o777 == 0o600
    [line] = [line for line in first.err.splitlines() if "SHA256:" in line]
    fingerprint = re.search(r"SHA256:[A-Za-z0-9+/]+", line)
    assert fingerprint is not None
    assert first.lines[0]["key_fingerprint"] == fingerprint[0]
    assert 'namespaces="hashaudit-findings,hashaudit-file" ssh-ed25519 ' in line
    second = hashaudit("scan", tmp_path, "--list", wanted)
    assert second.lines[0]["key_fingerprint"] == fingerprint[0]
    assert "SHA256:" not in second.err


def test_the_environment_names_a_key(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    made = hashaudit("keys", "new", tmp_path / "key")
    assert made.code == 0
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), env={"HASHAUDIT_KEY": str(tmp_path / "key")})
    assert result.lines[0]["key_fingerprint"].encode() in made.out


def test_a_key_that_others_can_read_is_refused(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    hashaudit("keys", "new", tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--key", tmp_path / "key")
    assert result.code == 4
    assert "chmod 600" in result.err


def test_a_key_with_a_passphrase(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("open sesame\n")
    wanted = make_list(b"x")
    assert hashaudit("keys", "new", tmp_path / "key", "--passphrase-file", tmp_path / "phrase").code == 0
    scan = ("scan", tmp_path / "phrase", "--list", wanted, "--key", tmp_path / "key")
    assert hashaudit(*scan, stdin=subprocess.DEVNULL).code == 4
    assert hashaudit(*scan, "--passphrase-file", tmp_path / "phrase").code == 0
    with open(tmp_path / "phrase", "rb") as file:
        by_descriptor = hashaudit(*scan, "--passphrase-fd", str(file.fileno()), pass_fds=(file.fileno(),))
    assert by_descriptor.code == 0
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "hashaudit-passphrase").write_text("open sesame\n")
    assert hashaudit(*scan, env={"CREDENTIALS_DIRECTORY": str(credentials)}).code == 0
    (tmp_path / "phrase").write_text("wrong\n")
    assert hashaudit(*scan, "--passphrase-file", tmp_path / "phrase").code == 4


def test_include_and_exclude_are_counted(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "skip/c.jpg", "deep/skip/d.jpg", "deep/e.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"), "--include", "*.jpg", "--exclude", "skip")
    assert {Path(line["entry"]["path"]).name for line in of_kind(result.lines, "finding")} == {"a.jpg", "e.jpg"}
    assert totals(result.lines)["skipped"] == {"excluded": 2, "not_included": 1}
    assert result.lines[0]["inclusions"] == ["*.jpg"]
    assert result.lines[0]["exclusions"] == ["skip"]


def test_the_header_says_who_what_where(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    wanted = make_list(b"x")
    words = ["--case", "17", "--exhibit", "E-4", "--examiner", "A. Person", "--note", "on site"]
    result = hashaudit("scan", tmp_path, "--list", wanted, *words)
    header = result.lines[0]
    assert (header["case"], header["exhibit"], header["examiner"], header["note"]) == (
        "17",
        "E-4",
        "A. Person",
        "on site",
    )
    assert header["argv"][1:3] == ["scan", str(tmp_path)]
    [listed] = header["lists"]
    assert listed["sha256"] == hashlib.sha256(wanted.read_bytes()).hexdigest()
    assert (listed["read"], listed["kept"], listed["role"]) == (1, 1, "deny")
    assert header["roots"][0]["path"] == str(tmp_path)
    assert header["roots"][0]["filesystem"]
    assert set(header["sandbox"]) >= {"no_core_dumps"}
    assert header["config"]["algorithms"] == ["sha256"]


def test_quiet_says_nothing_when_all_is_well(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"other"), "-q")
    assert result.code == 0
    assert result.err == ""


def test_people_get_a_table_and_totals(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file \x1b]0;x\x07").write_bytes(b"wanted")
    result = hashaudit("scan", tmp_path, "--list", make_list(b"wanted"))
    assert "Findings" in result.err
    assert "1 finding" in result.err
    assert "\x1b" not in result.err


def test_unsigned_says_so(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (tmp_path / "file").write_bytes(b"y")
    assert hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--unsigned", "-o", output).code == 0
    assert parsed(output.read_bytes())[-1]["sshsig"] is None
    assert not (tmp_path / "out.sig").exists()
    result = hashaudit("verify", output)
    assert result.code == 4
    assert b"not signed" in result.out


def test_python_m_is_the_same_command(hashaudit: Tool) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hashaudit_cli", "--version"],
        env=hashaudit.environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout == hashaudit("--version").out
    assert hashaudit("-V").out == done.stdout
    assert re.fullmatch(rb"hashaudit \d+\.\d+\.\d+\n", done.stdout)


def test_help_is_a_command_too(hashaudit: Tool) -> None:
    assert hashaudit("help", "cache", "stats") == hashaudit("cache", "stats", "--help")
    assert (hashaudit("help", "nonsense").code, hashaudit("help").code) == (2, 0)


@pytest.mark.parametrize("words", [["--help"], ["scan", "--help"], ["verify", "-h"], ["keys", "--help"]])
def test_help_teaches(words: list[str], hashaudit: Tool) -> None:
    result = hashaudit(*words)
    assert result.code == 0
    assert b"Usage" in result.out


def test_a_module_planted_in_the_current_folder_is_not_imported(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    for name in ("hashaudit", "msgspec", "blake3", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('planted')")
    assert hashaudit("scan", ".", "--list", make_list(b"x"), cwd=tmp_path).code == 0


def test_bad_lines_of_a_plain_list_are_counted_and_told(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"wanted")
    wanted = make_list(b"wanted")
    wanted.write_text(wanted.read_text() + "not-a-hash\n")
    result = hashaudit("scan", tmp_path / "file", "--list", wanted)
    assert result.code == 8
    assert "line 2: malformed" in result.err
    assert "not-a-hash" not in result.err
    assert result.lines[0]["lists"][0]["rejected"] == {"malformed": 1}


def test_records_that_wait_for_a_unit_do_not_stop_the_walk_that_fills_it(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_bytes(b"clean")
    for number in range(10_600):
        (tree / f"z{number:05d}").symlink_to("nowhere")
    result = hashaudit("scan", tree, "--list", make_list(b"wanted"), "--follow-links", "-q")
    assert result.code == 16
    assert totals(result.lines)["faults"] == {"broken_link": 10_600}


def test_hard_links_beyond_what_may_wait(hashaudit: Tool, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a").write_bytes(b"small")
    (tree / "b").write_bytes(b"large" * 2_000_000)
    for number in range(11_000):
        (tree / f"c{number:05d}").hardlink_to(tree / "b")
    result = hashaudit("scan", tree, "--record", "all", "-q")
    assert result.code == 0
    assert len(of_kind(result.lines, "file")) == 11_002


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_a_root_that_is_neither_folder_nor_file_is_refused(
    kind: str, hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    root = tmp_path / "fifo"
    os.mkfifo(root)
    result = hashaudit("scan", root if kind == "fifo" else "/dev/null", "--list", make_list(b"x"))
    assert result.code == 2
    assert kind in result.err


def test_a_key_that_is_a_folder_is_one_clear_line(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--key", tmp_path)
    assert result.code == 4
    assert "not a regular file" in result.err


def test_names_that_a_locale_cannot_write_are_escaped(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "日").write_bytes(b"wanted")
    output = tmp_path / "出"
    environment = {"PYTHONIOENCODING": "ascii"}
    assert hashaudit("scan", tmp_path / "日", "--list", make_list(b"wanted"), "-o", output, env=environment).code == 8
    result = hashaudit("verify", output, env=environment)
    assert result.code == 0
    assert result.out.isascii()


def test_a_strangers_key_does_not_verify_for_whoever_has_a_trust_store(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    hashaudit("keys", "new", tmp_path / "stranger")
    hashaudit("keys", "new")
    output = tmp_path / "out"
    hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--key", tmp_path / "stranger", "-o", output)
    result = hashaudit("verify", output)
    assert result.code == 4
    assert b"key_not_trusted" in result.out
    intact = hashaudit("verify", output, "--allow-any-signer")
    assert intact.code == 3
    assert b"signer UNKNOWN" in intact.out
    assert hashaudit("verify", output, "--key", tmp_path / "stranger.pub").code == 0
    piped = hashaudit("verify", "/dev/stdin", "--allow-any-signer", input=output.read_bytes())
    assert piped.code == 3, piped.out


def test_quiet_reports_each_finding_and_a_summary(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "bad\x1b").write_bytes(b"wanted")
    words = ("scan", tree, "-q", "--list")
    result = hashaudit(*words, make_list(b"wanted"), "-o", tmp_path / "out")
    assert result.code == 8
    first, last = result.err.splitlines()
    assert first.startswith(f"hashaudit: finding: {tree}/bad")
    assert "\x1b" not in result.err
    assert "1 finding; 0 faults" in last
    clean = hashaudit(*words, make_list(b"other"), "-o", tmp_path / "clean")
    assert (clean.code, clean.out, clean.err) == (0, b"", "")


def test_a_scan_of_nothing_is_never_silent(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    root, empty = tmp_path / "root", tmp_path / "empty"
    root.mkdir()
    empty.mkdir()
    words = ("scan", root, "--list", make_list(b"wanted"), "-q")
    for option in ((), ("--min-files", "1"), ("--require-mount",)):
        result = hashaudit(*words, *option)
        assert (result.code, f"warning: {root}: root_empty" in result.err) == (16, True)
        fault, *_ = of_kind(result.lines, "fault")
        assert fault["faults"][0]["code"] == "root_empty"
    allowed = hashaudit(*words, "--min-files", "0")
    assert (allowed.code, allowed.err) == (0, "")
    assert "warning: no file was examined" in hashaudit(*words[:-1], "--min-files", "0").err
    refused = hashaudit(*words, "--guards", "error")
    assert (refused.code, refused.out, "ROOT is empty" in refused.err) == (4, b"", True)
    (root / "file").write_bytes(b"x")
    clean = hashaudit(*words, "--guards", "error")
    assert (clean.code, clean.err) == (0, "")
    several = hashaudit(*words, empty)
    (fault,) = of_kind(several.lines, "fault")
    assert (several.code, fault["faults"][0]["code"]) == (16, "root_empty")
    assert (fault["entry"]["path"], fault["entry"]["root"]) == (str(empty), 1)
    pattern = hashaudit(*words[:-1], "--include", "fi*", "--include", "*.jpg")
    assert (pattern.code, pattern.err.count("warning: no file matches --include '*.jpg'")) == (0, 1)
    assert "'fi*'" not in pattern.err


def test_a_small_or_old_list_is_a_fault_or_refused(hashaudit: Tool, make_list: MakeList, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    bad = make_list(b"wanted")
    os.utime(bad, (0, 0))
    words = ("scan", tmp_path / "file", "--list", bad, "-q", "--max-list-age", "30d", "--min-entries")
    result = hashaudit(*words, "2")
    assert result.code == 16
    codes = [(fault["faults"][0]["code"], fault["entry"]["path"]) for fault in of_kind(result.lines, "fault")]
    assert codes == [("list_too_small", str(bad)), ("list_too_old", str(bad))]
    assert result.err.count("warning: ") == 2
    refused = hashaudit(*words, "1", "--guards", "error")
    assert (refused.code, refused.out, "days old" in refused.err) == (4, b"", True)
    os.utime(bad)
    assert hashaudit(*words, "1", "--guards", "error").code == 0
    assert hashaudit(*words[:-3], "--max-list-age", "soon").code == 2


def test_quiet_prints_nothing_if_and_only_if_the_exit_code_is_0(
    hashaudit: Tool, make_list: MakeList, tmp_path: Path
) -> None:
    tree, output = tmp_path / "tree", tmp_path / "out"
    tree.mkdir()
    (tree / "bad").write_bytes(b"wanted")
    (tree / "large").write_bytes(bytes(16 << 20))
    small, wanted, other = ("scan", tree / "bad", "-q"), make_list(b"wanted"), make_list(b"other")
    slow = ("--max-time", "0.2", "--max-rate", "1M")
    partly = tmp_path / "partly.csv"
    partly.write_text(f"sha256,ssdeep\n{'ab' * 32},3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C\n")
    table: list[tuple[int, tuple[Word, ...], int]] = [
        (0, (*small, "--list", other), 0),
        # A list with hashes that cannot be matched, about which a warning is shown without -q.
        (0, (*small, "--list", partly), 0),
        (2, (*small, "--list", other, "--min-files", "x"), 2),
        (4, (*small, "--list", tmp_path / "missing"), 2),
        (8, (*small, "--list", wanted, "-o", output), 2),
        (8, ("scan", "--resume", output, "-q"), 1),
        (16, (*small, "--list", other, "--min-files", "2"), 2),
        (24, (*small, "--list", wanted, "--min-files", "2"), 3),
        (48, ("scan", tree, "-q", "--list", other, *slow), 1),
    ]
    for code, words, lines in table:
        result = hashaudit(*words)
        assert (result.code, len(result.err.splitlines())) == (code, lines), (words, result.err)
        assert not any(line.startswith("hashaudit: list ") for line in result.err.splitlines())


def test_a_finding_is_shown_while_a_large_file_before_it_is_read(hashaudit: Tool, tmp_path: Path) -> None:
    tree, output = tmp_path / "tree", tmp_path / "out"
    tree.mkdir()
    with open(tree / "a", "wb") as large:
        large.truncate(1 << 40)  # it has no data, and takes many minutes to hash
    (tree / "b").write_bytes(b"wanted")
    wanted = hashlib.sha256(b"wanted").hexdigest()
    (tmp_path / "list").touch(0o600)
    (tmp_path / "list").write_text(f"{wanted}\n")
    process = hashaudit.start(
        "scan", tree, "--list", tmp_path / "list", "-j", "2", "-o", output, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, b"")
    assert any(line.startswith(b"hashaudit: finding: ") and b"tree/b" in line for line in lines)
    assert process.poll() is None
    # Its turn in the file has not come. The scan that resumes this one shows it and writes it.
    assert b"tree/b" not in output.read_bytes()
    process.kill()
    process.communicate()
    (tree / "a").unlink()
    (tree / "a").touch()
    resumed = hashaudit("scan", "--resume", output)
    assert resumed.err.count("finding: ") == 1
    [finding] = of_kind(parsed(output.read_bytes()), "finding")
    assert finding["entry"]["path"] == str(tree / "b")
