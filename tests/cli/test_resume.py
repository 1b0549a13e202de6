"""Going on with a run that was interrupted: the final file is that of a run that was never disturbed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from installed import Result, Tool, Word, of_kind, parsed, totals
from interrupted import Told, interrupt, journal_of, make_tree, resumptions, told

FILES = 2500
SLOW = ("--max-rate", "40K", "-j", "2")
"""Four seconds for the ten units of the tree, so that there is something to interrupt."""


class Case(msgspec.Struct):
    """A tree, the options of a run over it, what an undisturbed run tells, and the file of an interrupted one."""

    hashaudit: Tool
    folder: Path
    tree: Path
    list: Path
    options: tuple[Word, ...]
    whole: Told
    code: int
    output: Path

    def copy(self, folder: Path) -> Path:
        """The interrupted run's files, to do something to."""
        copied = folder / "copied.jsonl"
        for path in (self.output, journal_of(self.output)):
            shutil.copy(path, folder / path.name.replace("killed", "copied"))
        return copied

    def resume(self, output: Path, *words: Word) -> Result:
        return self.hashaudit("scan", "--resume", output, *words)

    def check(self, output: Path, result: Result) -> None:
        """The resumed run told what the undisturbed one told."""
        assert result.code == self.code, result.err
        assert told(output) == self.whole
        assert self.hashaudit("verify", output).code == 0
        assert not journal_of(output).exists()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("interrupted")
    tool = Tool(tmp_path_factory.mktemp("home"))
    tree, bad, whole, output = (folder / name for name in ("tree", "bad.txt", "whole.jsonl", "killed.jsonl"))
    contents = make_tree(tree, FILES)
    write_list(bad, contents[::11])
    options: tuple[Word, ...] = (tree, "--list", bad)
    code = tool("scan", *options, "-o", whole).code
    assert code == 8
    # The journal notes a resume point up to 0.2 s later, and a batch that ends early has one within a directory. A
    # record of d1/e1 comes half a second after the end of d0/e0.
    ended = interrupt(tool, "scan", *options, *SLOW, "-o", output, when=lambda: b"/d1/e1/" in content_of(output))
    assert ended == -signal.SIGKILL
    assert 60 < lines_of(output) < lines_of(whole)
    return Case(tool, folder, tree, bad, options, told(whole), code, output)


def write_list(path: Path, contents: list[bytes]) -> None:
    import hashlib  # noqa: PLC0415 # used here alone

    path.touch(mode=0o600)
    path.write_text("".join(f"{hashlib.sha256(content).hexdigest()}\n" for content in contents))


def content_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def lines_of(path: Path) -> int:
    return content_of(path).count(b"\n")


def test_a_killed_run_goes_on_where_it_was(case: Case, tmp_path: Path) -> None:
    output = case.copy(tmp_path)
    before = output.read_bytes()
    result = case.resume(output)
    case.check(output, result)
    assert output.read_bytes().startswith(before)
    assert [item["journal"] for item in resumptions(output)] == [True]
    assert "resuming the scan started at" in result.err


def test_what_was_examined_is_not_read_again(case: Case, tmp_path: Path) -> None:
    output = case.copy(tmp_path)
    hidden = case.folder / "hidden"
    first = case.tree / "d0" / "e0"
    first.rename(hidden)
    try:
        result = case.resume(output)
    finally:
        hidden.rename(first)
    case.check(output, result)


@pytest.mark.parametrize(
    "flags",
    [
        ("--record", "all"),
        ("--follow-links",),
        ("--unsigned",),
    ],
    ids=lambda flags: flags[0],
)
def test_kinds_of_runs(case: Case, tmp_path: Path, flags: tuple[str, ...]) -> None:
    whole, output = tmp_path / "whole", tmp_path / "out"
    code = case.hashaudit("scan", *case.options, *flags, "-o", whole).code
    interrupt(case.hashaudit, "scan", *case.options, *flags, *SLOW, "-o", output, when=lambda: lines_of(output) > 15)
    assert lines_of(output) < lines_of(whole)
    result = case.resume(output, *[flag for flag in flags if flag == "--unsigned"])
    assert result.code == code, result.err
    assert told(output) == told(whole)


def test_a_stopped_run_goes_on(case: Case, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words: list[Word] = ["scan", *case.options, *SLOW, "-o", output]
    ended = interrupt(case.hashaudit, *words, when=lambda: lines_of(output) > 15, number=signal.SIGINT)
    assert ended == 128 + signal.SIGINT
    stopped = output.read_bytes().splitlines(keepends=True)
    result = case.resume(output)
    case.check(output, result)
    final = msgspec.json.decode(msgspec.json.decode(stopped[-1])["body"])
    backup = output.with_name("out.backup-1")
    assert backup.read_bytes() == b"".join(stopped[len(stopped) - 2 - final["last"] + final["first"] :])
    assert output.with_name("out.backup-1.sig").exists()
    assert resumptions(output)[0]["moved_bytes"] == backup.stat().st_size


def test_a_run_that_is_killed_again_and_again_ends_all_the_same(case: Case, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words: list[Word] = ["scan", *case.options, *SLOW, "-o", output]
    for _ in range(3):
        more = lines_of(output) + 20
        interrupt(case.hashaudit, *words, when=lambda lines=more: lines_of(output) > lines)  # type: ignore[misc] # mypy knows no defaults of lambdas
        words = ["scan", "--resume", output, *SLOW]
    case.check(output, case.resume(output))
    assert len(resumptions(output)) == 3


class TestJournal:
    """Losing it costs time, never correctness."""

    def test_a_lost_one_needs_the_roots(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        journal_of(output).unlink()
        before = output.read_bytes()
        refused = case.resume(output)
        assert refused.code == 2
        assert "repeat the original ROOTs and options" in refused.err
        assert output.read_bytes() == before
        result = case.resume(output, *case.options)
        assert "journal unusable" in result.err
        assert resumptions(output)[0]["journal"] is False
        self.check_without_bytes(case, output, result)

    def test_a_torn_one_tells_what_is_whole(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        with open(journal_of(output), "r+b") as file:
            file.truncate(os.path.getsize(journal_of(output)) * 2 // 3)
        self.check_without_bytes(case, output, case.resume(output))

    def test_an_altered_one_hides_nothing(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        data = bytearray(journal_of(output).read_bytes())
        for place in range(700, len(data), 200):
            data[place] ^= 1
        journal_of(output).write_bytes(data)
        self.check_without_bytes(case, output, case.resume(output, *case.options))

    def test_one_that_cannot_be_made_costs_nothing_else(self, case: Case, tmp_path: Path) -> None:
        output = tmp_path / "out"
        (tmp_path / "out.journal.new").mkdir()
        result = case.hashaudit("scan", *case.options, "-o", output)
        assert "cannot write the resume journal" in result.err
        case.check(output, result)

    def check_without_bytes(self, case: Case, output: Path, result: Result) -> None:
        """What is read again by another name of the same file counts again."""
        assert result.code == case.code, result.err
        found = told(output)
        assert found.records == case.whole.records
        for total in (found.totals, case.whole.totals):
            assert int(total["bytes"]) > 0
        assert found.totals | {"bytes": 0} == case.whole.totals | {"bytes": 0}
        assert case.hashaudit("verify", output).code == 0


class TestRefused:
    """What would not find the same is refused before anything is touched."""

    def refused(self, case: Case, output: Path, *words: Word, code: int = 2) -> str:
        before = {path: path.read_bytes() for path in output.parent.iterdir() if path.is_file()}
        result = case.resume(output, *words)
        assert result.code == code, result.err
        assert b"Traceback" not in result.err.encode()
        assert {path: path.read_bytes() for path in output.parent.iterdir() if path.is_file()} == before
        return result.err

    def test_an_option_that_decides_what_is_found(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        assert "--resume without ROOT" in self.refused(case, output, "--record", "all")
        assert "another setting of record" in self.refused(case, output, *case.options, "--record", "all")
        words: list[Word] = [*case.options, "-a", "sha3-256", "--exclude", "*.x", "--case", "7"]
        err = self.refused(case, output, *words)
        for part in ("another setting of algorithms", "another exclusions", "another case"):
            assert part in err

    def test_other_roots_and_lists(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        (tmp_path / "more.txt").write_text("0" * 63 + "1\n")
        err = self.refused(case, output, tmp_path, "--list", tmp_path / "more.txt")
        assert "other ROOTs" in err
        assert "other lists" in err

    def test_a_list_whose_content_changed(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        kept = case.list.read_bytes()
        try:
            with open(case.list, "a") as file:
                file.write("1" * 64 + "\n")
            assert "other content" in self.refused(case, output)
            case.list.unlink()
            assert "bad.txt" in self.refused(case, output, code=4)
        finally:
            case.list.write_bytes(kept)

    def test_another_key(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        assert case.hashaudit("keys", "new", tmp_path / "key").code == 0
        assert "is signed by SHA256:" in self.refused(case, output, "--key", tmp_path / "key")
        assert "is signed by SHA256:" in self.refused(case, output, "--unsigned")

    def test_damage(self, case: Case, tmp_path: Path) -> None:
        output = case.copy(tmp_path)
        data = output.read_bytes()
        middle = data.index(b'"kind":"finding"', len(data) // 3)
        output.write_bytes(data[:middle] + b"X" + data[middle + 1 :])
        err = self.refused(case, output, code=4)
        assert "damaged" in err
        assert "start a new scan" in err

    def test_what_is_no_findings_file(self, case: Case, tmp_path: Path) -> None:
        nothing = tmp_path / "nothing"
        nothing.touch(mode=0o600)
        assert self.refused(case, nothing, code=4)
        nothing.write_bytes(b"\x00" * 100)
        assert self.refused(case, nothing, code=4)
        assert "cannot open" in self.refused(case, tmp_path / "absent", code=4)
        os.mkfifo(tmp_path / "fifo")
        assert "not a regular file" in self.refused(case, tmp_path / "fifo", code=4)
        output = case.copy(tmp_path)
        output.chmod(0o622)
        assert "others can write to it" in self.refused(case, output, code=4)

    def test_the_file_of_a_run_that_goes_on(self, case: Case, tmp_path: Path) -> None:
        output = tmp_path / "out"
        process = case.hashaudit.start("scan", *case.options, "-o", output, stderr=subprocess.DEVNULL)
        while not lines_of(output):
            assert process.poll() is None
        process.send_signal(signal.SIGSTOP)
        refused = case.resume(output)
        process.send_signal(signal.SIGCONT)
        assert refused.code == 4
        assert f"by process {process.pid} on" in refused.err
        assert process.wait(timeout=60) == case.code
        assert told(output) == case.whole
        assert resumptions(output) == []


class TestComplete:
    """A run that has come to its end."""

    @pytest.fixture
    def output(self, case: Case, tmp_path: Path) -> Path:
        for name in ("whole.jsonl", "whole.jsonl.sig"):
            shutil.copy(case.folder / name, tmp_path)
        return tmp_path / "whole.jsonl"

    def test_nothing_is_done(self, case: Case, output: Path) -> None:
        before = output.read_bytes()
        result = case.resume(output)
        assert (result.code, output.read_bytes()) == (case.code, before)
        assert "complete" in result.err

    @pytest.mark.parametrize("left", [None, 0, 100])
    def test_a_sidecar_that_is_missing_or_torn_is_made(self, case: Case, output: Path, left: int | None) -> None:
        sidecar = output.with_name(output.name + ".sig")
        whole = sidecar.read_bytes()
        sidecar.unlink()
        if left is not None:
            sidecar.write_bytes(whole[:left])
            sidecar.chmod(0o600)
        assert case.resume(output).code == case.code
        assert sidecar.read_bytes() == whole
        assert case.hashaudit("verify", output).code == 0

    def test_a_sidecar_of_something_else_is_left(self, case: Case, output: Path) -> None:
        sidecar = output.with_name(output.name + ".sig")
        sidecar.write_bytes(b"something else")
        result = case.resume(output)
        assert result.code == 4
        assert "verify" in result.err
        assert sidecar.read_bytes() == b"something else"

    def test_what_stands_behind_the_end_is_damage(self, case: Case, output: Path) -> None:
        with open(output, "ab") as file:
            file.write(b"x")
        result = case.resume(output)
        assert result.code == 4
        assert "after the final checkpoint" in result.err


class TestTree:
    """What happens to the tree while the run is interrupted."""

    @pytest.fixture
    def own(self, case: Case, tmp_path: Path) -> tuple[Path, Path]:
        """A tree of its own with an interrupted run over it, whose files lie inside it, as does the key."""
        tree = tmp_path / "tree"
        contents = make_tree(tree, FILES)
        key, output = tree / "d0" / "key", tree / "d3" / "out"
        assert case.hashaudit("keys", "new", key).code == 0
        write_list(tmp_path / "bad.txt", contents[::11])
        words: list[Word] = ["scan", tree, "--list", tmp_path / "bad.txt", "--key", key, "-o", output]
        interrupt(case.hashaudit, *words, *SLOW, when=lambda: lines_of(output) > 15)
        return tree, output

    def totals(self, case: Case, own: tuple[Path, Path]) -> dict[str, object]:
        tree, output = own
        result = case.resume(output, "--key", tree / "d0" / "key")
        assert result.code in {8, 24}, result.err
        verified = case.hashaudit("verify", output, "--key", tree / "d0" / "key.pub")
        assert verified.code in {0, 4}, verified.err
        return totals(parsed(output.read_bytes()))

    def test_the_runs_own_files_inside_it_are_left_out(self, case: Case, own: tuple[Path, Path]) -> None:
        _, output = own
        with open(output, "ab") as file:
            file.write(b"torn")
        found = self.totals(case, own)
        # The findings, their journal, what was set backup and the key; its public half is a file like any other.
        assert found["skipped"] == {"own_output": 4, "symbolic_link": 9}
        assert found["seen"] == case.whole.totals["seen"] + 5

    def test_names_that_came_and_went(self, case: Case, own: tuple[Path, Path]) -> None:
        tree, output = own
        (tree / "d0" / "e0" / "a-new-one").write_bytes(b"before the place")
        (tree / "d6" / "e2" / "z-new-one").write_bytes(b"behind the place")
        (tree / "d0" / "e0" / "f0").unlink()
        (tree / "d6" / "e0" / "f6").unlink()
        shutil.rmtree(tree / "d5")
        (tree / "d4").rename(tree / "d9")
        found = self.totals(case, own)
        assert found["pending"] == 0
        assert found["faulted"] == 0
        paths = [line["entry"]["path"] for line in of_kind(parsed(output.read_bytes()), "finding")]
        assert len(paths) == len(set(paths))

    def test_a_root_that_disappeared(self, case: Case, own: tuple[Path, Path], tmp_path: Path) -> None:
        tree, _ = own
        moved = tmp_path / "moved"
        tree.rename(moved)
        result = case.resume(moved / "d3" / "out", "--key", moved / "d0" / "key")
        assert result.code == 24
        found = totals(parsed((moved / "d3" / "out").read_bytes()))
        assert found["pending"] == 0
        assert found["faults"] == {"not_found": 1}


needs_mounts = pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux", reason="mounting a small tmpfs needs root on Linux"
)


@needs_mounts
class TestFullDisk:
    @pytest.fixture
    def small(self, tmp_path: Path) -> Iterator[Path]:
        folder = tmp_path / "small"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=192k", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting a tmpfs is not allowed here")
        yield folder
        subprocess.run(["umount", folder], check=True)

    def test_a_run_goes_on_once_there_is_space(self, case: Case, tmp_path: Path, small: Path) -> None:
        words: list[Word] = [*case.options, "--record", "all"]
        whole = tmp_path / "whole"
        code = case.hashaudit("scan", *words, "-o", whole).code
        output = small / "out"
        full = case.hashaudit("scan", *words, "-o", output)
        assert full.code == 4
        assert "No space left" in full.err
        proven = case.hashaudit("verify", output)
        assert proven.code == 4
        assert b"segment_changed" not in proven.out
        still_full = case.resume(output, *words)
        assert still_full.code == 4, still_full.err
        assert "No space left" in still_full.err
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        result = case.resume(output, *words)
        assert result.code == code, result.err
        assert told(output).records == told(whole).records
        assert case.hashaudit("verify", output).code == 0

    def test_an_output_that_became_read_only(self, case: Case, small: Path) -> None:
        output = small / "out"
        subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
        interrupt(case.hashaudit, "scan", *case.options, *SLOW, "-o", output, when=lambda: lines_of(output) > 15)
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        result = case.resume(output)
        assert result.code == 4
        assert "Read-only file system" in result.err
        subprocess.run(["mount", "-o", "remount,rw", small], check=True)
        case.check(output, case.resume(output))
