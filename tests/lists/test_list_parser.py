"""The process that parses lists: it gives what parsing here gives, and cannot do more than that."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashaudit.errors import HostError, ListError
from hashaudit.host.memory import memory_file
from hashaudit.host.sandbox import landlock
from hashaudit.lists import list_parser
from hashaudit.lists.compile_request import CompileRequest
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.load import load_lists
from hashaudit.lists.parser_protocol import Compiled, Failed, Progressed, Ready, Reply
from hashaudit.model.results import Role

pytestmark = pytest.mark.skipif(os.name != "posix", reason="lists are parsed in the same process elsewhere")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_parser, "IN_PROCESS", False)


@pytest.fixture
def lists(tmp_path: Path) -> tuple[ListSpec, ...]:
    (tmp_path / "plain").write_text("".join(f"{number:064x}\n" for number in range(1, 3000)))
    (tmp_path / "table.csv").write_text("sha256,category\n" + "".join(f"{number:064x},1\n" for number in range(5, 9)))
    return ListSpec(str(tmp_path / "plain")), ListSpec(str(tmp_path / "table.csv"), Role.KNOWN)


def compiled(parser: ListParser, specs: tuple[ListSpec, ...]) -> bytes:
    counts: list[int] = []
    with memory_file("hashaudit-lists") as target:
        parser.begin(specs, None)
        parser.compile(CompileRequest(specs), target, counts.append)
        target.seek(0)
        assert sum(counts) == 3003
        return target.read()


FORKED = """
import os, sys
from pathlib import Path
from hashaudit.errors import HashauditError
from hashaudit.lists import list_parser, parser_child
from hashaudit.lists.compile_request import CompileRequest
from hashaudit.lists.interface import ListSpec
from hashaudit.host.memory import memory_file
from hashaudit.lists.list_parser import ListParser
folder = Path(sys.argv[1])
def refused(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return "done"
def hostile(request, target, scratch, progress):
    acts = {
        "read a list": lambda: open(request.specs[0].path).read(),
        "read": lambda: open(folder / "secret").read(),
        "write": lambda: open(folder / "new", "w"),
        "write a list": lambda: open(request.specs[0].path, "r+"),
        "write scratch": lambda: open(scratch + "/new", "w").close(),
        "remove": lambda: os.unlink(folder / "secret"),
        "fork": os.fork,
        "socket": lambda: __import__("socket").socket(),
        "parent": lambda: open(f"/proc/{os.getppid()}/mem").read(1),
        "signal": lambda: os.kill(os.getppid(), 0),
        "execute": lambda: os.execv("/bin/true", ["true"]),
    }
    raise HashauditError(" ".join(f"{name}:{refused(act)}," for name, act in acts.items()))
parser_child.compile_lists = hostile
spec = ListSpec(str(folder / "plain"))
with ListParser(forks=True) as parser, memory_file("hashaudit-lists") as target:
    assert parser._stream is not None
    parser.begin([spec], None)
    try:
        parser.compile(CompileRequest((spec,)), target)
    except HashauditError as error:
        print(error)
"""


@pytest.mark.skipif(not landlock.abi(), reason="needs a kernel with landlock")
def test_a_hostile_list_gets_nowhere(tmp_path: Path, lists: tuple[ListSpec, ...]) -> None:
    (tmp_path / "secret").write_text("key")
    done = subprocess.run([sys.executable, "-c", FORKED, tmp_path], capture_output=True, text=True, check=True)
    results = dict(part.rsplit(":", 1) for part in done.stdout.strip().rstrip(",").split(", "))
    allowed = {name for name, result in results.items() if result == "done"}
    assert allowed == {"read a list", "write scratch"}, results
    assert set(results.values()) <= {"done", "1", "13"}, results
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "secret", "table.csv"]
    assert lists


def test_a_fresh_process_gives_the_same_index(lists: tuple[ListSpec, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    with ListParser() as parser:
        there = compiled(parser, lists)
    monkeypatch.setattr(list_parser, "IN_PROCESS", True)
    with ListParser() as parser:
        assert compiled(parser, lists) == there


def test_the_temporary_directory_is_private_and_removed(
    lists: tuple[ListSpec, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    monkeypatch.setenv("TMPDIR", str(folder))
    with pytest.raises(ListError, match=r"cannot create a temporary directory: '.*temporary'; No such file"):
        load_lists(lists)
    folder.mkdir()
    with ListParser() as parser:
        parser.begin(lists, None)
        (made,) = folder.iterdir()
        assert made.stat().st_mode & 0o777 == 0o700
        (made / "left by a crash").touch()
    assert list(folder.iterdir()) == []


def test_a_copy_gives_the_same_index_and_is_gone_afterwards(lists: tuple[ListSpec, ...]) -> None:
    code = f"""
import os, sys
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.load import load_lists
parser = ListParser(forks=True)
with load_lists([ListSpec({lists[0].path!r})], parser=parser) as loaded:
    print([info.kept for info in loaded.infos], loaded.images[0].content is not None)
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no child")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[2999] True\nno child\n", "")


def test_an_error_names_the_list_and_has_its_hint(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no list\nat all\n")
    with pytest.raises(ListError, match=r"cannot use list: '.*bad'; unrecognised") as caught:
        load_lists([str(tmp_path / "bad")])
    assert caught.value.hint


@pytest.mark.parametrize("child", ["import os; os._exit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_parser_that_crashes_is_an_error(
    lists: tuple[ListSpec, ...], monkeypatch: pytest.MonkeyPatch, child: str
) -> None:
    monkeypatch.setattr(list_parser, "_CHILD", child)
    with pytest.raises(ListError, match="ended unexpectedly"), load_lists(lists):
        pass


class Liar(ListParser):
    """A parser that was taken over, and answers what it likes."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self._replies: Iterator[Reply] = iter(replies)

    def _ask(self, *_: object) -> Reply:
        return next(self._replies)

    def _receive(self) -> Reply:
        return next(self._replies)

    def _spawn(self) -> None:
        pass


@pytest.mark.parametrize(
    "replies",
    [
        (Compiled(),),
        (Ready(()), Ready(())),
        (Ready(()), Compiled()),
        (Ready(()), Progressed(-(10**18)), Compiled()),
        (Ready(()), Failed("a\x1b[31m\nred" * 10_000, "\x07")),
    ],
)
def test_answers_are_not_believed(lists: tuple[ListSpec, ...], replies: tuple[Reply, ...]) -> None:
    with pytest.raises(ListError) as caught:
        load_lists(lists, parser=Liar(*replies))
    assert len(str(caught.value)) < 5000
    assert str(caught.value).isprintable()


def test_the_sandbox_can_be_required(lists: tuple[ListSpec, ...]) -> None:
    parser = Liar(Ready(("seccomp",)))
    parser.requires_sandbox = True
    with pytest.raises(HostError, match="incomplete"):
        load_lists(lists, parser=parser)


def test_a_digest_that_the_parser_invents_is_noticed(lists: tuple[ListSpec, ...], tmp_path: Path) -> None:
    class Other(ListParser):
        def compile(self, request: CompileRequest, *rest: object) -> None:
            (tmp_path / "other").write_text("1" * 64 + "\n")
            other = ListSpec(str(tmp_path / "other"))
            super().compile(CompileRequest((other, *request.specs[1:])), *rest)  # type: ignore[arg-type]

        def begin(self, _specs: object, directory: str | None) -> None:
            super().begin([ListSpec(str(tmp_path))], directory)

    with pytest.raises(ListError, match="changed while it was read"):
        load_lists(lists, parser=Other())


def test_no_temporary_directory_stays(lists: tuple[ListSpec, ...], tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    with ListParser() as parser, memory_file("hashaudit-lists") as target:
        parser.begin(lists, str(tmp_path / "scratch"))
        parser.compile(CompileRequest(lists), target)
    assert list((tmp_path / "scratch").iterdir()) == []
