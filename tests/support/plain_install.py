"""A plain install: an environment of its own that holds the built wheel and its declared dependencies, nothing else."""

import contextlib
import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
TARGET = TOP / "build" / "plain-install"
"""Kept between runs of the suite. It is installed again when a source file has changed."""

TIMEOUT_S = 600


class PlainInstallError(Exception):
    """The environment cannot be made here, as without a package index."""


def plain_python() -> Path:
    """Returns the interpreter of the plain install, which is made or brought up to date first.

    Raises:
        PlainInstallError: it cannot be made.
    """
    TARGET.parent.mkdir(exist_ok=True)
    python = TARGET / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = TARGET / "installed"
    with _lock(TARGET.parent / "plain-install.lock"):
        state = _source_state()
        if not stamp.exists() or stamp.read_text() != state:
            stamp.unlink(missing_ok=True)
            if not python.exists():
                venv.create(TARGET, with_pip=True, symlinks=os.name == "posix")
            _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(TOP))
            stamp.write_text(state)
    return python


def _run(*words: str | Path) -> None:
    # Not the caller's: its PYTHONPATH could lend the plain install a package that it must not need.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment, cwd=TARGET
        )
    except subprocess.TimeoutExpired as error:
        raise PlainInstallError(f"pip did not end within {TIMEOUT_S} s") from error
    if done.returncode:
        raise PlainInstallError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip failed")


def _source_state() -> str:
    """Returns a digest of everything that the wheel is built from, and of the interpreter."""
    digest = hashlib.sha256(f"{sys.version}\n{os.path.realpath(sys.executable)}\n".encode())
    files = [TOP / "pyproject.toml", TOP / "README.md", TOP / "LICENSE"]
    for package in (TOP / "hashaudit", TOP / "cli"):
        files += sorted(path for path in package.rglob("*") if path.suffix in {".py", ".typed"})
    for path in files:
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
