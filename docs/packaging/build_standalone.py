"""Builds the single file that runs with nothing but Python (``make standalone``), and tries it.

The file holds the wheel of hashaudit and those of its dependencies for each Python asked for. The same wheels give the
same bytes. ``--constraints`` takes the versions of an earlier build, which are written beside the file.
"""

import argparse
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

START = Path(__file__).with_name("standalone_main.py")

SHEBANG = b"#!/usr/bin/env python3\n"

TIME = (1980, 1, 1, 0, 0, 0)
"""Time of all members: the earliest that a ZIP archive can state."""

GLIBC_TAGS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
"""Tags of wheels for a Linux with glibc 2.28 or newer (PEP 600), newest first."""


def write_archive(target: Path, pythons: Mapping[str, Sequence[Path]], platform: str) -> str:
    """Writes the single file, and returns its SHA-256.

    Args:
        target: the new file; an existing one is replaced.
        pythons: wheels by implementation and version, such as ``cpython 3.11``.
        platform: system that the wheels are for, such as ``linux-x86_64``.
    """
    wheels = {path.name: path for paths in pythons.values() for path in paths}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in wheels.items()}
    manifest = {
        "platform": platform,
        "pythons": {
            python: {f"wheels/{name}": digests[name] for name in sorted(path.name for path in pythons[python])}
            for python in sorted(pythons)
        },
    }
    unfinished = target.with_suffix(".unfinished")
    with open(unfinished, "wb") as file:
        file.write(SHEBANG)
        # Wheels are compressed already.
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, "__main__.py", START.read_bytes())
            _add(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
            for name in sorted(wheels):
                _add(archive, f"wheels/{name}", wheels[name].read_bytes())
    unfinished.chmod(0o755)
    unfinished.replace(target)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    member = zipfile.ZipInfo(name, TIME)
    member.create_system = 3
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(member, data)


def download(wheel: Path, target: Path, python: str, extras: str, constraints: Path | None) -> list[Path]:
    """Downloads the wheels for one Python; returns them with that of hashaudit.

    Args:
        wheel: the wheel of hashaudit.
        target: new directory.
        python: version, such as ``3.11``.
        extras: extras of hashaudit, separated by commas.
        constraints: file with the versions of dependencies.
    """
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    if python != running():
        machine = sysconfig.get_platform().partition("-")[2]
        words += ["--python-version", python, "--implementation", "cp"]
        words += [word for tag in GLIBC_TAGS for word in ("--platform", f"{tag}_{machine}")]
    if constraints is not None:
        words += ["--constraint", str(constraints)]
    target.mkdir(parents=True)
    subprocess.run([*words, "--dest", target, f"{wheel}[{extras}]" if extras else wheel], check=True)
    return sorted(target.glob("*.whl"))


def running() -> str:
    """Returns the version of the running Python, such as ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def pins(wheels: Sequence[Path]) -> list[str]:
    """Returns the versions in the names of wheels, as a constraints file states them."""
    named = (path.name.split("-")[:2] for path in wheels)
    return sorted({f"{name.lower().replace('_', '-')}=={version}" for name, version in named if name != "hashaudit"})


def try_out(archive: Path) -> None:
    """Scans, verifies and shows with the single file: without a network, in an empty home, without any package.

    Raises:
        AssertionError: something is not as it must be.
    """
    isolated = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*isolated, "true"], check=False, capture_output=True).returncode:
        print("note: this host cannot take the network away, so the file is tried with it", file=sys.stderr)
        isolated = []
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "home")
        (home / "tree").mkdir(parents=True)
        (home / "tree" / "one").write_bytes(b"one")
        (home / "list").touch(mode=0o600)
        (home / "list").write_text(f"{hashlib.sha256(b'one').hexdigest()}\n")
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)}

        def run(*words: str) -> "subprocess.CompletedProcess[str]":
            # -I: no package of this environment is lent.
            base = getattr(sys, "_base_executable", sys.executable)
            return subprocess.run(
                [*isolated, base, "-I", archive, *words],
                capture_output=True,
                text=True,
                check=False,
                cwd=home,
                env=environment,
            )

        for words, code in (
            (("--version",), 0),
            (("scan", "tree", "--list", "sha256=list", "--require-sandbox", "-j", "2", "-o", "found.jsonl"), 8),
            (("verify", "found.jsonl"), 0),
            (("show", "found.jsonl", "--format", "paths"), 0),
            (("hash", "tree", "-a", "blake3,pdq"), 0),
        ):
            done = run(*words)
            if done.returncode != code:
                raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")


def main() -> None:
    """Builds the file and tries it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="the wheel of hashaudit")
    parser.add_argument("--output", type=Path, required=True, help="the single file")
    parser.add_argument("--python", action="append", help="a version of Python to serve; default: the running one")
    parser.add_argument("--extras", default="", help="extras of hashaudit, such as s3,azure")
    parser.add_argument("--constraints", type=Path, help="versions of the dependencies")
    arguments = parser.parse_args()
    arguments.output = arguments.output.resolve()
    wheels = arguments.output.parent / "standalone-wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    pythons = {
        f"cpython {python}": download(arguments.wheel, wheels / python, python, arguments.extras, arguments.constraints)
        for python in arguments.python or [running()]
    }
    platform = sysconfig.get_platform()
    digest = write_archive(arguments.output, pythons, platform)
    used = arguments.output.with_suffix(".constraints.txt")
    used.write_text("".join(f"{pin}\n" for pin in pins([path for paths in pythons.values() for path in paths])))
    again = arguments.output.with_suffix(".again")
    if write_archive(again, pythons, platform) != digest:
        raise AssertionError("two builds differ")
    again.unlink()
    shutil.rmtree(wheels)
    if f"cpython {running()}" in pythons:
        try_out(arguments.output)
    size = os.path.getsize(arguments.output)
    print(f"{arguments.output}: {size / 1e6:.0f} MB for {', '.join(pythons)} on {platform}")
    print(f"SHA-256 {digest}; versions of the dependencies: {used}")


if __name__ == "__main__":
    main()
