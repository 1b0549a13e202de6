"""What an install without extras does: it decodes, matches and reads lists exactly as the full environment does."""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hashaudit.content.images.formats import sniff
from hashaudit.content.images.more_codecs import EXTRA
from hashaudit.content.images.more_codecs import FORMATS as MORE_FORMATS
from hashaudit.content.images.warm_up import SAMPLES
from installed import COMMAND, of_kind, parsed
from plain_install import PlainInstallError, install, plain_python

LISTS = Path(__file__).parent / "data" / "lists"
SYSTEM_PYTHON = "/usr/bin/python3"
NOBODY = 65534

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),  # the first test of each install makes it
]


@pytest.fixture(params=["newest", "lowest"])
def command(request: pytest.FixtureRequest) -> str:
    """The command of a plain install."""
    try:
        return str(plain_python(lowest=request.param == "lowest").with_name("hashaudit"))
    except PlainInstallError as error:
        pytest.skip(f"no plain install can be made: {error}")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image of every decoder and mode; whole, cut, and with local palettes."""
    directory = tmp_path_factory.mktemp("images") / "images"  # which, unlike what pytest makes, others may read
    directory.mkdir()
    for sample in Path(SAMPLES).iterdir():
        shutil.copy(sample, directory)
        (directory / f"cut-{sample.name}").write_bytes(sample.read_bytes()[: sample.stat().st_size * 2 // 3])
    colour = Image.effect_mandelbrot((160, 120), (-2, -1, 1, 1), 50).convert("RGB")
    frames = [colour.rotate(angle).quantize(64) for angle in (0, 40, 80)]
    frames[0].save(directory / "palettes.gif", save_all=True, append_images=frames[1:], disposal=2)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        source = Image.frombytes("I;16", (64, 64), os.urandom(64 * 64 * 2)) if mode == "I;16" else colour.convert(mode)
        source.save(directory / f"mode-{mode.replace(';', '')}.png")
    return directory


def run(command: str, home: Path, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    return subprocess.run([command, *words], capture_output=True, check=False, timeout=300, env=environment)


def needs_extra(name: str) -> bool:
    """Returns whether a sample, or a cut one, is in a format that only an extra decodes."""
    sample = Path(SAMPLES) / name.removeprefix("cut-")
    if not sample.exists():
        return False
    is_deep_jpeg = sample.name in {"deep.jpg", "deep-lossless.jpg"}
    return is_deep_jpeg or sniff(sample.read_bytes()[:4096], sample.stat().st_size) in MORE_FORMATS


def results(output: bytes) -> list[tuple[Any, ...]]:
    """What a scan says of each file, without what differs from run to run."""
    kept = []
    for line in parsed(output):
        if line["kind"] in {"finding", "fault", "file"}:
            entry = os.path.basename(line["entry"]["path"])
            faults = [(fault["stage"], fault["code"]) for fault in line.get("faults", [])]
            kept.append((entry, line["kind"], line.get("digests"), line.get("perceptual"), line.get("matches"), faults))
    return kept


Scan = Callable[[str], subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def scan(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Scans the images with a command; one list has one of them. A command that repeats it gets the same answer."""
    home = tmp_path_factory.mktemp("home")
    listed = home / "listed.txt"
    listed.touch(mode=0o600)
    listed.write_bytes(run(COMMAND, home, "hash", images / "palettes.gif", "-a", "pdq").stdout)
    words = ("scan", images, "--list", listed, "--record", "all", "-a", "phash,dhash,colorhash,md5", "--unsigned")
    return functools.cache(lambda command: run(command, home, *words))


def test_every_image_is_hashed_as_in_the_full_environment(command: str, scan: Scan, images: Path) -> None:
    plain, full = scan(command), scan(COMMAND)
    assert plain.returncode == full.returncode
    without, complete = ([one for one in results(done.stdout) if not needs_extra(one[0])] for done in (plain, full))
    assert without == complete
    found = {os.path.basename(line["entry"]["path"]) for line in of_kind(parsed(plain.stdout), "finding")}
    assert "palettes.gif" in found
    faulty = {os.path.basename(line["entry"]["path"]) for line in parsed(plain.stdout) if line.get("faults")}
    assert all(name.startswith("cut-") or needs_extra(name) for name in faulty), "no whole image has a fault"
    named = {
        os.path.basename(line["entry"]["path"]): line["faults"][0] for line in of_kind(parsed(plain.stdout), "fault")
    }
    for sample in filter(needs_extra, os.listdir(images)):
        assert f"hashaudit[{EXTRA}]" in named[sample]["message"]


READ_EVERY_LIST = """
import sys
from hashaudit.errors import ListError
from hashaudit.lists import list_parser
from hashaudit.lists.load import load_lists
list_parser.IN_PROCESS = True  # a process for each list takes longer than all lists
for path in sys.argv[1:]:
    try:
        with load_lists([path]) as loaded:
            print(path, loaded.infos, [image.checksum for image in loaded.images])
    except ListError as error:
        print(path, error, error.hint)
"""


def test_every_list_is_read_as_in_the_full_environment(command: str, tmp_path: Path) -> None:
    words: tuple[str | Path, ...] = ("-c", READ_EVERY_LIST, *sorted(LISTS.iterdir()))
    pythons = (str(Path(command).with_name("python")), sys.executable)
    plain, full = (run(python, tmp_path / "home", *words) for python in pythons)
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.splitlines() == full.stdout.splitlines()
    done = [
        run(each, tmp_path / "home", "lists", "info", LISTS / "SOURCES.md").returncode for each in (command, COMMAND)
    ]
    assert done == [4, 4]


@pytest.mark.parametrize("words", [(), ("scan",), ("verify",), ("lists", "build"), ("keys", "new"), ("explain",)])
def test_the_help_of_every_command_is_there(command: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(command, tmp_path / "home", *words, "--help")
    assert done.returncode == 0, done.stderr
    assert b"Usage" in done.stdout


def test_a_wrong_command_line_is_an_error_in_two_lines(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path / "home", "scan", "--no-such-option")
    assert done.returncode == 2
    assert [line.split(b": ")[0] for line in done.stderr.splitlines()] == [b"hashaudit", b"hint"]


def test_findings_are_signed_and_verified(command: str, images: Path, tmp_path: Path) -> None:
    output = tmp_path / "findings.jsonl"
    assert run(command, tmp_path / "home", "scan", images, "--record", "all", "-o", output).returncode == 0
    done = run(command, tmp_path / "home", "verify", output, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"] is True


@pytest.fixture
def system_install() -> Iterator[Path]:
    """An install by the system's own Python, outside of the home and the checkout of whoever runs the suite."""
    with tempfile.TemporaryDirectory(prefix="hashaudit-plain-") as directory:
        target = Path(directory)
        target.chmod(0o755)
        try:
            install(target / "environment", interpreter=SYSTEM_PYTHON)
        except (PlainInstallError, OSError) as error:
            pytest.skip(f"no install by the system's Python can be made: {error}")
        yield target


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv (Debian: util-linux)")
@pytest.mark.skipif(not Path(SYSTEM_PYTHON).exists(), reason="the system has no Python of its own")
def test_a_user_without_rights_scans_with_the_system_s_python(system_install: Path, images: Path) -> None:
    files = system_install / "images"
    shutil.copytree(images, files)
    home = system_install / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    done = subprocess.run(
        [
            *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"),
            *(system_install / "environment" / "bin" / "hashaudit", "scan", files),
            *("--record", "all", "-a", "pdq", "-o", home / "findings.jsonl"),
        ],
        capture_output=True,
        check=False,
        timeout=300,
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    lines = parsed((home / "findings.jsonl").read_bytes())
    faulty = {os.path.basename(line["entry"]["path"]) for line in lines if line.get("faults")}
    assert done.returncode in {0, 16}, done.stderr
    assert all(name.startswith("cut-") or needs_extra(name) for name in faulty), faulty
    whole = {os.path.basename(line["entry"]["path"]) for line in of_kind(lines, "file")}
    expected = {path.name for path in images.iterdir() if not needs_extra(path.name)}
    assert {name for name in whole if not name.startswith("cut-")} == {
        name for name in expected if not name.startswith("cut-")
    }
