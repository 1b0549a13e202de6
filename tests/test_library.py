"""The library as a program uses it: silent, lazy, typed, and in order when it is closed early."""

import ast
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

import pytest

import hashaudit
from installed import Tool, of_kind, parsed, totals
from plain_install import PlainInstallError, plain_python

TOP = Path(__file__).resolve().parents[1]
GUIDE = TOP / "docs" / "guides" / "library.md"
FILES = 60

MakeList = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with files, two of which are on the list that `config` names, and a broken link."""
    directory = tmp_path / "files"
    directory.mkdir()
    for number in range(FILES):
        (directory / f"{number:03}").write_bytes(b"content %d" % number)
    return directory


@pytest.fixture
def config(tree: Path, make_list: MakeList) -> hashaudit.ScanConfig:
    """Small batches, so that there is something to interrupt."""
    path = str(make_list(b"content 7", b"content 41", b"content 59"))
    return hashaudit.ScanConfig(
        roots=(os.fsencode(tree),), deny_lists=(hashaudit.ListSpec(path),), workers=2, batch_files=2, lookahead_units=2
    )


@pytest.fixture
def unsigned() -> hashaudit.Signing:
    return hashaudit.Signing(unsigned=True)


@pytest.mark.timeout(900)  # the first one makes the install
class TestExample:
    """The first example of the guide, in a plain install."""

    @pytest.fixture
    def run(self, tree: Path, make_list: MakeList) -> Callable[[str], str]:
        """Runs a program beside the files; returns what it writes to the file `answer`."""
        try:
            python = plain_python()
        except PlainInstallError as error:
            pytest.skip(f"no plain install can be made: {error}")
        directory = tree.parent
        make_list(b"content 7").rename(directory / "bad.txt")
        (directory / "temporary").mkdir()

        def run(code: str) -> str:
            environment = {"HOME": str(directory / "home"), "PATH": os.environ["PATH"]}
            environment["TMPDIR"] = str(directory / "temporary")
            done = subprocess.run(
                [python, "-c", code], capture_output=True, check=False, timeout=60, cwd=directory, env=environment
            )
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
            assert not list((directory / "temporary").iterdir())
            return (directory / "answer").read_text()

        return run

    def test_it_has_five_lines_and_prints_nothing(self, run: Callable[[str], str], tree: Path) -> None:
        example = example_of_the_guide()
        assert len([line for line in example.splitlines() if line.strip()]) == 5
        answers = "[scan.exit_code, len(found), found[0].entry.path[-3:], report.ok, report.complete, report.basis]"
        answer = run(f"{example}\nopen('answer', 'w').write(' '.join(map(str, {answers})))")
        assert answer == "8 1 007 True True allowed_signers"
        assert (tree.parent / "findings.jsonl.sig").exists()

    @pytest.mark.skipif(os.name != "posix", reason="asks the system for child processes")
    def test_it_stops_cleanly_when_it_is_closed_early(self, run: Callable[[str], str]) -> None:
        first, *_ = example_of_the_guide().partition("    found")
        answer = run(
            f"import os\n{first}    for event in scan:\n"
            "        if isinstance(event, hashaudit.Started):\n            break\n"
            "try:\n    left = os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError:\n    left = None\n"
            "report = hashaudit.verify('findings.jsonl')\n"
            "found = [left, scan.exit_code, scan.result.reason, report.ok, report.last.reason]\n"
            "open('answer', 'w').write(' '.join(map(str, found)))"
        )
        assert answer == "None 16 stopped True stopped"


def example_of_the_guide() -> str:
    """The first Python block of the guide."""
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


class TestEarlyEnd:
    """A scan that ends early is recorded as such, and a resume completes it: nothing is missed and nothing repeated."""

    @pytest.fixture
    def whole(self, config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, tmp_path: Path) -> list[dict[str, Any]]:
        """The records of the same scan without an interruption."""
        with hashaudit.scan(config, output=tmp_path / "whole", signing=unsigned) as scan:
            for _ in scan:
                pass
        assert scan.exit_code == 8
        return parsed((tmp_path / "whole").read_bytes())

    @pytest.mark.parametrize("position", [0, 1, 2, 3, 5, 8, 13])
    def test_it_can_be_resumed_at_every_event(
        self,
        position: int,
        config: hashaudit.ScanConfig,
        unsigned: hashaudit.Signing,
        whole: list[dict[str, Any]],
        tmp_path: Path,
    ) -> None:
        output = tmp_path / "findings"
        with hashaudit.scan(config, output=output, signing=unsigned) as scan:
            begun = False
            for event in scan:
                begun = begun or isinstance(event, hashaudit.Started)
                position -= begun
                if position < 0:
                    break
        assert scan.result is not None
        assert scan.result.reason in {"stopped", "completed"}
        report = hashaudit.verify(output)
        assert report.complete
        assert [problem.code for problem in report.problems] == ["unsigned"]
        assert report.last is not None
        assert report.last.reason == scan.result.reason
        assert report.last.exit_code == scan.exit_code
        with hashaudit.scan(hashaudit.ScanConfig(roots=()), resume=output, signing=unsigned) as resumed:
            events = list(resumed)
        assert resumed.exit_code == 8
        if scan.result.reason == "completed":
            assert [type(event) for event in events] == [hashaudit.AlreadyComplete]
        lines = parsed(output.read_bytes())
        assert sorted(record["entry"]["path"] for record in of_kind(lines, "finding")) == [
            record["entry"]["path"] for record in of_kind(whole, "finding")
        ]
        assert totals(lines) == totals(whole)

    def test_an_error_of_the_caller_ends_it_too(
        self, config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, tmp_path: Path
    ) -> None:
        class OwnError(Exception):
            pass

        def use() -> None:
            with hashaudit.scan(config, output=tmp_path / "findings", signing=unsigned) as scan:
                for event in scan:
                    if isinstance(event, hashaudit.Started):
                        raise OwnError

        with pytest.raises(OwnError):
            use()
        report = hashaudit.verify(tmp_path / "findings")
        assert report.last is not None
        assert report.last.reason == "stopped"

    def test_before_it_starts_it_leaves_nothing(
        self, config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, tmp_path: Path
    ) -> None:
        before = set(tmp_path.iterdir())
        scan = hashaudit.scan(config, output=tmp_path / "findings", signing=unsigned)
        for event in scan:
            if isinstance(event, hashaudit.Prepared):
                break
        scan.close()
        scan.close()
        assert list(scan) == []
        assert (scan.result, scan.exit_code) == (None, None)
        assert set(tmp_path.iterdir()) == before

    def test_another_thread_can_stop_it(
        self, config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, tmp_path: Path
    ) -> None:
        control = hashaudit.Control()
        with hashaudit.scan(config, output=tmp_path / "findings", signing=unsigned, control=control) as scan:
            for event in scan:
                if isinstance(event, hashaudit.Started):
                    thread = threading.Thread(target=setattr, args=(control, "stop", True))
                    thread.start()
                    thread.join()
        assert isinstance(event, hashaudit.Finished)
        assert event == scan.result
        assert (event.reason, event.exit_code) == ("stopped", 16)

    def test_the_command_resumes_what_the_library_stopped(
        self, config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, hashaudit: Tool, tmp_path: Path
    ) -> None:
        output = tmp_path / "findings"
        with start(config, output=output, signing=unsigned) as scan:
            next(event for event in scan if type(event).__name__ == "Started")
        result = hashaudit("scan", "--resume", output, "--unsigned")
        assert result.code == 8, result.err
        assert totals(parsed(output.read_bytes()))["examined"] == FILES


start = hashaudit.scan


def test_two_scans_can_alternate(config: hashaudit.ScanConfig, unsigned: hashaudit.Signing, tmp_path: Path) -> None:
    with (
        hashaudit.scan(config, output=tmp_path / "one", signing=unsigned) as one,
        hashaudit.scan(config, output=tmp_path / "other", signing=unsigned) as other,
    ):
        while one.exit_code is None or other.exit_code is None:
            next(one, None)
            next(other, None)
    assert (one.exit_code, other.exit_code) == (8, 8)


def test_the_events_come_in_the_order_of_the_guide(
    config: hashaudit.ScanConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with hashaudit.scan(config, output=tmp_path / "findings") as scan:
        found = [type(event).__name__ for event in scan]
    names = list(dict.fromkeys(found))
    assert names[:4] == ["KeyCreated", "ListLoaded", "Prepared", "Started"]
    # Found comes only for a record that has to wait for its turn, which depends on the workers' speed.
    assert set(names[4:-1]) - {"Found"} == {"Progress", "Recorded"}
    assert names[-1] == "Finished"
    rows = re.findall(r"^\| `([A-Z]\w+)`", GUIDE.read_text(), re.MULTILINE)
    assert [name for name in rows if name in names[:4]] == names[:4]
    assert set(rows) == {kind.__name__ for kind in hashaudit.Event.__args__}


def test_lists_load_by_path(make_list: MakeList) -> None:
    with hashaudit.load_lists([make_list(b"one", b"two")]) as lists:
        assert [info.kept for info in lists.infos] == [2]


@pytest.mark.parametrize("words", [{}, {"output": "a", "resume": "a"}])
def test_an_output_or_a_resume_is_required(words: dict[str, str], config: hashaudit.ScanConfig) -> None:
    with pytest.raises(hashaudit.HashauditError):
        hashaudit.scan(config, **words)  # type: ignore[arg-type] # mypy does not see which words these are


def test_options_are_checked_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(hashaudit.HashauditError):
        hashaudit.scan(hashaudit.ScanConfig(roots=()), output=tmp_path / "findings")


def test_a_passphrase_comes_from_the_caller(config: hashaudit.ScanConfig, hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("words\n")
    key = str(tmp_path / "key")
    assert hashaudit("keys", "new", key, "--passphrase-file", tmp_path / "words").code == 0
    asked = []

    def passphrase(path: str) -> bytes:
        asked.append(path)
        return b"words"

    with start(config, output=tmp_path / "findings", signing=signing(key, passphrase)) as scan:
        assert len(list(scan)) > 0
    assert (scan.exit_code, asked) == (8, [key])


def signing(key: str, passphrase: Callable[[str], bytes]) -> hashaudit.Signing:
    return hashaudit.Signing(key=key, passphrase=passphrase)


IMPORTS = [
    "import hashaudit.scan.config; from hashaudit.scan.config import ScanConfig; call = hashaudit.scan",
    "import hashaudit; call = hashaudit.scan; import hashaudit.scan.session; assert hashaudit.scan is call",
    "from hashaudit.scan.session import Session; import hashaudit; call = hashaudit.scan",
    "import hashaudit.scan.config as c; c.ScanConfig; from hashaudit import scan as call",
    "from hashaudit import scan as call; import hashaudit.scan.config as c; c.ScanConfig",
    "from hashaudit import *; call = scan",
]


@pytest.mark.parametrize("code", IMPORTS)
def test_scan_is_a_function_and_a_package_in_every_order_of_imports(code: str) -> None:
    check = "import hashaudit\ntry:\n    call(hashaudit.ScanConfig(roots=()), output='x')\n"
    check += "except hashaudit.HashauditError:\n    raise SystemExit(7)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{check}"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (7, b"")


def test_its_types_are_those_of_the_scan(config: hashaudit.ScanConfig, tmp_path: Path) -> None:
    scan = hashaudit.scan(config, output=tmp_path / "findings")
    assert_type(scan, hashaudit.Scan)
    assert isinstance(scan, hashaudit.Scan)
    for name in hashaudit.__all__:
        assert getattr(hashaudit, name) is not None
    assert set(hashaudit.__all__) <= set(dir(hashaudit))
    with pytest.raises(AttributeError):
        hashaudit.nothing  # noqa: B018 # reading it is the point


@pytest.mark.parametrize(
    ("code", "unloaded"),
    [
        ("import hashaudit", "hashaudit.|msgspec"),
        ("import hashaudit.workers.child.child_main", "hashaudit.scan|hashaudit.signing|hashaudit.record|cryptography"),
        ("import hashaudit.scan.config", "hashaudit.signing|hashaudit.workers|cryptography"),
    ],
)
def test_an_import_loads_nothing_else(code: str, unloaded: str) -> None:
    names = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", names], capture_output=True, text=True, check=False, cwd=TOP)
    if done.returncode:  # without the environment's packages only the first can be imported
        done = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    assert not [name for name in done.stdout.split() if name.startswith(tuple(unloaded.split("|")))]


SPEAKING = {"hashaudit/workers/local/plugin_probe.py": "sys.stdout"}
"""A process of its own, whose standard output is a pipe to the library: the answer to one question."""


def test_no_function_of_the_library_speaks() -> None:
    found = {}
    for path in sorted((TOP / "hashaudit").rglob("*.py")):
        name = str(path.relative_to(TOP))
        for node in ast.walk(ast.parse(path.read_text())):
            spoken = spoken_by(node)
            if spoken is not None and SPEAKING.get(name) != spoken:
                found[name] = spoken
    assert found == {}


def spoken_by(node: ast.AST) -> str | None:
    """What a node does that only a command line may do."""
    match node:
        case ast.Call(func=ast.Name(id="print" | "input" | "exit" | "quit" as name)):
            return name
        case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" | "exit" as name):
            return f"sys.{name}"
        case ast.Import(names=names) if any(alias.name in {"getpass", "logging"} for alias in names):
            return "import"
        case ast.ImportFrom(module="getpass" | "logging"):
            return "import"
        case ast.ImportFrom(module="sys", names=names) if {alias.name for alias in names} & {
            "stdout",
            "stderr",
            "exit",
        }:
            return "import"
    return None
