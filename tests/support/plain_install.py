"""Plain installs: environments that hold the built wheel and its declared dependencies, and nothing else.

Dependencies that this environment has in a version that will do are lent to them: a file gets a second name instead of
being loaded, unpacked and compiled again. pip then installs the wheel, finds them, and adds whatever is missing.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
"""Installs are kept here between runs of the suite, and made again when a source file has changed."""

TIMEOUT_S = 600


class PlainInstallError(Exception):
    """The environment cannot be made here, for example without a package index."""


def plain_python(*, lowest: bool = False) -> Path:
    """Returns the interpreter of a plain install, which is made or brought up to date first.

    Args:
        lowest: each declared dependency in the lowest version allowed, instead of the newest.

    Raises:
        PlainInstallError: it cannot be made.
    """
    BUILD.mkdir(exist_ok=True)
    target = BUILD / ("plain-install-lowest" if lowest else "plain-install")
    stamp = target / "installed"
    with _lock(target.with_suffix(".lock")):
        state = _source_state()
        if not stamp.exists() or stamp.read_text() != state:
            stamp.unlink(missing_ok=True)
            install(target, lowest=lowest)
            stamp.write_text(state)
    return python_of(target)


def install(target: Path, *, lowest: bool = False, interpreter: str | Path = sys.executable) -> None:
    """Installs the project into a new or existing environment at ``target``.

    Args:
        target: directory of the environment.
        lowest: each declared dependency in the lowest version allowed.
        interpreter: the Python that makes the environment.

    Raises:
        PlainInstallError: it cannot be made.
    """
    target.mkdir(parents=True, exist_ok=True)
    pins = {canonicalize_name(name): version for name, version in lowest_versions().items()} if lowest else {}
    if not python_of(target).exists():
        _run(target, interpreter, "-m", "venv", "--without-pip", target)
        _lend(python_of(target), pins)
    # The pip of this environment works in the other one, which saves installing pip there. Compiling every module of
    # numpy takes longer than all tests of an install.
    pip = (sys.executable, "-m", "pip", "--python", python_of(target), "--disable-pip-version-check")
    pinned = [f"{name}=={version}" for name, version in pins.items()]
    _run(target, *pip, "install", "--quiet", "--no-compile", _wheel() or TOP, *pinned)


def python_of(target: Path) -> Path:
    """Returns the interpreter of an environment."""
    return target / ("Scripts" if os.name == "nt" else "bin") / "python"


@functools.cache
def declared() -> list[Requirement]:
    """Returns the declared dependencies."""
    return [*map(Requirement, tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["dependencies"])]


def lowest_versions() -> dict[str, str]:
    """Returns the lower bound of each declared dependency."""
    found = {}
    for requirement in declared():
        [bound] = requirement.specifier
        assert bound.operator == ">="
        found[requirement.name] = bound.version
    return found


WHERE_AND_WHAT = "import sys, sysconfig; print(sysconfig.get_path('purelib')); print(sys.implementation.cache_tag)"


def _lend(python: Path, pins: dict[NormalizedName, str]) -> None:
    """Gives an environment what this one has of the declared dependencies, if one interpreter can run both."""
    where, tag = _run(python.parent, python, "-c", WHERE_AND_WHAT).splitlines()
    if tag != sys.implementation.cache_tag:
        return
    for found in _dependencies():
        if pins.get(canonicalize_name(found.name), found.version) != found.version:
            continue
        for file in found.files or []:
            source, copy = Path(str(found.locate_file(file))), Path(where) / file
            if ".." in file.parts or not source.is_file():  # commands, or bytecode that was never written
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source, copy)
            except OSError:  # on another file system
                shutil.copy2(source, copy)


def _dependencies() -> list[Distribution]:
    """Returns what this environment has of the declared dependencies and of theirs."""
    found: dict[str, Distribution] = {}
    open_ones = declared().copy()
    while open_ones:
        requirement = open_ones.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        with contextlib.suppress(PackageNotFoundError):
            found[name] = distribution(name)
            open_ones += map(Requirement, found[name].requires or [])
    return [*found.values()]


def _run(directory: Path, *words: str | Path) -> str:
    # The caller's PYTHONPATH could lend the plain install a package that it must not need.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment, cwd=directory
        )
    except subprocess.TimeoutExpired as error:
        raise PlainInstallError(f"pip did not end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise PlainInstallError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")
    return done.stdout


def _wheel() -> Path | None:
    """Returns the wheel that make has built; ``None`` if there is none, or it is older than a source file."""
    wheels = sorted(BUILD.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    newest = max(path.stat().st_mtime for path in _sources())
    return wheels[-1] if wheels and wheels[-1].stat().st_mtime >= newest else None


def _sources() -> list[Path]:
    """Returns the files that the wheel is built from."""
    files = [TOP / "pyproject.toml", TOP / "README.md", TOP / "LICENSE"]
    for package in (TOP / "hashaudit", TOP / "cli", TOP / "docs" / "man"):
        files += sorted(path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return files


def _source_state() -> str:
    """Returns a digest of everything that the wheel is built from, and of the interpreter."""
    digest = hashlib.sha256(f"{sys.version}\n{os.path.realpath(sys.executable)}\n".encode())
    for path in _sources():
        digest.update(f"{path.relative_to(TOP)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lets one process of the suite at a time make the environment."""
    with open(path, "w") as file:
        if os.name == "posix":
            import fcntl  # noqa: PLC0415 # absent on Windows

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
