"""``hashaudit hashdeep`` and ``md5deep``: Debian's programs as oracles, over odd names, in both directions.

The sets of lines on standard output are equal. docs/guides/hashdeep.md lists the differences.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deep_in_process import walk
from hashaudit.lists import list_parser
from hashaudit_cli.hashdeep import deep_run
from installed import COMMAND, Tool

needs_hashdeep = pytest.mark.skipif(shutil.which("hashdeep") is None, reason="needs hashdeep (Debian: hashdeep)")

Deep = Callable[..., tuple[int, bytes, bytes]]

FILES = {
    b"t/a": b"one\n",
    b"t/b": b"two\n",
    b"t/sub/copy of a": b"one\n",
    b"t/empty": b"",
    b"t/sub/deep/x": bytes(1000),
    b"t/latin\xe9": b"l",
    "t/z/snow☃".encode(): b"s",
    b"t/ blank ": b"b",
    b"t/back\\slash": b"bs",
    b"t/*star": b"*",
    b"t/quo'te\"": b"q",
    b"t/-dash": b"d",
    b"t/tab\tname": b"tab",
    b"t/paren (x) = y": b"p",
    b"t/.hidden": b"h",
    b"t/z/512": bytes(512),
    b"t/z/513": bytes(513),
    b"u/a": b"one\n",
    b"u/b": b"changed",
    b"u/new": b"new",
    b"u/sub/moved": b"two\n",
}

COMMANDS = """
hashdeep -r t
hashdeep -r -l t
hashdeep t
hashdeep -b t/a t/sub/link
hashdeep -c sha1,md5 -l t/a ./t//b t/../t/a
hashdeep t/a ./t//b t/../t/a t/./sub/deep/x
hashdeep -p 512 -r t/z
hashdeep -i 600 -r t
hashdeep -f list
hashdeep -r -l -f list t/z
hashdeep -r -l -m -k k t
hashdeep -r -l -m -w -k ku t
hashdeep -r -l -x -k ku t
hashdeep -r -l -M -k ku t
hashdeep -r -l -X -k ku t
hashdeep -r -l -a -k k t
hashdeep -r -l -a -v -k k t
hashdeep -r -l -a -vvv -k k t
hashdeep -r -l -a -vvv -k ks t
hashdeep -r -l -a -vvv -k ku u
hashdeep -r -a -vv -k ku u
hashdeep -b -r -a -vv -k ku u
hashdeep -l -r -a -E -vv -k kE u
hashdeep -o f -r t
hashdeep -o l -r t
hashdeep -o fl -r t
hashdeep -r -l -s t nosuch
hashdeep -l -b t
hashdeep -a t
hashdeep -m -x -k k t
md5deep -r t
md5deep -r -l t t/sub t
md5deep t t/a
sha1deep -r -l t
sha256deep -r -l t
md5deep -r -l -z t
md5deep -r -l -z -c t
md5deep -r -l -c t
md5deep -r -l -k t
md5deep -r -l -q t
md5deep -r -l -t t
md5deep -r -l -t -c t
md5deep -Z -r -l t
md5deep -r -l -0 t
md5deep -r -l -u t/a t/z
md5deep -r -b t
md5deep -p512 -r -l t
md5deep -zr t
md5deep -r -l -i 600 t
md5deep -r -l -I 600 t
md5deep -r -l -m m t
md5deep -r -l -m mz t
md5deep -r -l -M m t
md5deep -r -l -x part t
md5deep -r -l -X part t
md5deep -r -l -m part -w t
md5deep -r -l -x part -w t
md5deep -r -l -m part -n t
md5deep -r -l -M part -c t
md5deep -r -l -M part -z t
md5deep -r -l -w -a 5bbf5a52328e7439ae6e719dfe712200 t
md5deep -r -l -w -A 5bbf5a52328e7439ae6e719dfe712200 t
sha1deep -r -l -m s1 t
md5deep -m m -x m t
md5deep -n t
md5deep -o f -r -l t
""".strip().splitlines()


def theirs(*words: str) -> tuple[int, bytes, bytes]:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "wb") as file:
            file.write(content)
    for target, link in (("../a", "t/sub/link"), ("sub", "t/lsub"), ("..", "t/sub/up"), ("nowhere", "t/broken")):
        os.symlink(target, link)
    return tmp_path


@pytest.fixture
def deep(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Deep:
    """Runs a command line in this process."""
    monkeypatch.setattr(deep_run, "_walk", walk)
    monkeypatch.setattr(list_parser, "IN_PROCESS", True)

    def run(program: str, *words: str) -> tuple[int, bytes, bytes]:
        capfdbinary.readouterr()
        code = deep_run.run_deep(program, words)
        sys.stdout.flush()
        return (code, *capfdbinary.readouterr())

    return run


def lists(of: Callable[..., tuple[int, bytes, bytes]]) -> None:
    """Makes the lists of known files with one of the programs."""
    for path, words in (
        ("k", ("hashdeep", "-r", "-l", "t")),
        ("ks", ("hashdeep", "-r", "-l", "-c", "sha1", "t")),
        ("m", ("md5deep", "-r", "-l", "t")),
        ("mz", ("md5deep", "-r", "-l", "-z", "t")),
        ("s1", ("sha1deep", "-r", "-l", "t")),
    ):
        Path(path).write_bytes(of(*words)[1])
    known = Path("k").read_bytes().splitlines(keepends=True)
    kept = [line for line in known if line.startswith(b"%%") or line.endswith((b"t/a\n", b"t/b\n", b"copy of a\n"))]
    Path("ku").write_bytes(b"".join(kept).replace(b",t/", b",u/"))
    # With several files of one content, hashdeep -E ignores the names.
    single = [line for line in kept if not line.endswith((b"t/a\n", b"copy of a\n"))]
    Path("kE").write_bytes(b"".join(single).replace(b",t/b", b",U/SUB/Moved"))
    some = sorted(Path("m").read_bytes().splitlines(keepends=True))[:4]
    Path("part").write_bytes(b"".join(some) + b"not a hash\n" + b"0" * 32 + b"  gone\n")
    Path("list").write_bytes(b"t/a\nt/z\n./t/b\r\n\n")


def shown(out: bytes, words: list[str]) -> list[bytes]:
    """The lines, without those where hashdeep always counts nothing."""
    lines = out.split(b"\0" if "-0" in words else b"\n")
    return sorted(line for line in lines if not line.startswith((b"   Input files exam", b"  Known files expect")))


@needs_hashdeep
@pytest.mark.parametrize("maker", ["theirs", "ours"])
@pytest.mark.usefixtures("tree")
def test_the_same_sets_of_lines(maker: str, deep: Deep) -> None:
    lists(theirs if maker == "theirs" else deep)
    for command in COMMANDS:
        words = command.split()
        expected, found = theirs(*words), deep(*words)
        assert shown(found[1], words) == shown(expected[1], words), command
        faults = {
            line
            for line in expected[2].replace(b"\0", b"\n").splitlines()
            if b": No such file" in line or b"cycle" in line
        }
        assert faults <= set(found[2].splitlines()), command
        assert found[0] == expected[0] or (expected[0] in {0, 1} and found[0] & ~expected[0] in {2, 16, 18}), command


@needs_hashdeep
def test_the_installed_commands_and_their_names(tree: Path, hashaudit: Tool) -> None:
    lists(theirs)
    programs = tree / "bin"
    programs.mkdir()
    (programs / "md5deep").symlink_to(COMMAND)
    for words in (
        ["hashdeep", "-r", "-l", "-a", "-vvv", "-k", "ku", "u"],
        ["hashdeep", "-p100", "-rl", "-c", "md5,sha1", "t"],
    ):
        result = hashaudit(*words)
        assert shown(result.out, words) == shown(theirs(*words)[1], words), result.err
    done = subprocess.run(
        [programs / "md5deep", "-Zr", "t"], capture_output=True, check=False, env=hashaudit.environment
    )
    assert sorted(done.stdout.splitlines()) == sorted(theirs("md5deep", "-Zr", "t")[1].splitlines()), done.stderr
    result = hashaudit("sha256deep", "-p", "3", input=b"one\n")
    assert result.out.splitlines() == theirs_of_input("sha256deep", "-p", "3")
    assert b"-k FILE" in hashaudit("hashdeep", "-h").out
    assert "md5deep -h" in hashaudit("md5deep", "--help").out.decode()


def theirs_of_input(*words: str) -> list[bytes]:
    return subprocess.run(words, input=b"one\n", capture_output=True, check=False).stdout.splitlines()


names = st.sampled_from(["a", "b", "d/c", "d/e", "x,y", "ü", " s"])


@needs_hashdeep
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sets(names.filter(lambda name: "," not in name), min_size=1),
    after=st.dictionaries(names, st.integers(0, 8)),
)
def test_audits_of_any_change_agree(before: set[str], after: dict[str, int], deep: Deep) -> None:
    """Known files have different contents. Of equal ones, hashdeep takes any."""
    contents = {name: f"content {number}" for number, name in enumerate(sorted(before))}
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        for place, files in (("old", contents), ("new", {name: f"content {number}" for name, number in after.items()})):
            Path(place).mkdir()
            for name, content in files.items():
                (Path(place) / name).parent.mkdir(exist_ok=True)
                (Path(place) / name).write_text(content)
        for maker in (theirs, deep):
            Path("k").write_bytes(maker("hashdeep", "-rl", "old")[1].replace(b",old/", b",new/"))
            words = ["hashdeep", "-rla", "-vvv", "-k", "k", "new"]
            expected, found = theirs(*words), deep(*words)
            assert shown(found[1], words) == shown(expected[1], words)
            assert found[0] == expected[0]


@pytest.mark.usefixtures("tree")
def test_what_is_a_defect_of_hashdeep(deep: Deep) -> None:
    lists(deep)
    # A FIFO is not read, and an audit ends.
    os.mkfifo("t/fifo")
    code, out, err = deep("hashdeep", "-rla", "-k", "k", "t")
    assert (code, out) == (0, b"hashdeep: Audit passed\n")
    assert b"fifo" in err
    os.unlink("t/fifo")
    # An audit does not pass if one digest agrees and another differs.
    known = Path("k").read_bytes().splitlines(keepends=True)
    changed = [line.replace(line.split(b",")[2], b"ab" * 32) if line.endswith(b"t/b\n") else line for line in known]
    Path("kc").write_bytes(b"".join(changed))
    code, out, _ = deep("hashdeep", "-rla", "-k", "kc", "t")
    assert (code, out) == (1, b"t/b: Hash collision with t/b\nhashdeep: Audit failed\n")
    # A file that does not exist, and a line that is not understood, are no pass.
    assert deep("hashdeep", "-rla", "-k", "k", "t", "nosuch")[0] == 17
    Path("kd").write_bytes(Path("k").read_bytes() + b"1,zz,zz,t/odd\n")
    code, out, err = deep("hashdeep", "-rla", "-k", "kd", "t")
    assert (code, out) == (17, b"hashdeep: Audit failed\n")
    assert b"No hash found in line" in err
    # Pieces are compared with pieces.
    Path("kp").write_bytes(deep("hashdeep", "-rlp", "100", "t")[1])
    assert deep("hashdeep", "-rlap", "100", "-k", "kp", "t")[:2] == (0, b"hashdeep: Audit passed\n")
    # A comma and a line end in a name.
    Path("t/com,ma").write_text("c")
    Path("kq").write_bytes(deep("hashdeep", "-rl", "t")[1])
    assert deep("hashdeep", "-rla", "-k", "kq", "t")[0] == 0
    Path("t/line\nend").write_text("l")
    code, out, err = deep("md5deep", "-rl", "t")
    assert (code, b"line" in out, b"line end" in err) == (16, False, True)
    assert b"  t/line\nend\0" in deep("md5deep", "-rl0", "t")[1]
    # Counts that are always 0 there.
    assert b"Input files examined: 4" in deep("hashdeep", "-rlavv", "-k", "ku", "u")[1]


@pytest.mark.usefixtures("tree")
def test_own_output_is_not_hashed(deep: Deep) -> None:
    code, _, _ = deep("md5deep", "-rl", "-W", "u/sums", "u")
    assert code == 0
    assert len(Path("u/sums").read_bytes().splitlines()) == 4


@pytest.mark.usefixtures("tree")
def test_dfxml_of_a_directory_and_its_pieces(deep: Deep) -> None:
    for words in (["-rld", "u"], ["-rld", "-p", "2", "u"]):
        out = deep("md5deep", *words)[1]
        assert out.count(b"<fileobject>") == out.count(b"</fileobject>") == 4
        assert out.count(b"<byte_run ") == (0 if len(words) == 2 else 2 + 4 + 2 + 2)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("hashdeep -c whirlpool t", "Unknown algorithm"),
        ("hashdeep -Q t", "not recognized"),
        ("hashdeep -p 0 t", "zero bytes"),
        ("hashdeep -i x t", "not a size"),
        ("hashdeep -o b t", "block devices"),
        ("hashdeep -o y t", "not a supported type"),
        ("hashdeep -j x t", "threads"),
        ("hashdeep -d -a -k k t", "DFXML"),
        ("md5deep -z -p 2 t", "size display"),
        ("md5deep -w t", "which file matched"),
        ("md5deep -a 00 t", "not of md5"),
        ("md5deep -Z -p 2 t", "Triage"),
        ("md5deep -m nosuch t", "Unable to load"),
        ("hashdeep -m -k t/a t", "Unable to load"),
    ],
)
@pytest.mark.usefixtures("tree")
def test_a_wrong_command_line_is_a_user_error(command: str, message: str, deep: Deep) -> None:
    code, out, err = deep(*command.split())
    assert (code, out) == (64, b"")
    assert message.encode() in err
