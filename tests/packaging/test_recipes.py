"""The recipes in docs/packaging: their syntax, and what they name."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).resolve().parents[2] / "docs" / "packaging"
INSTRUCTIONS = {"FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}
"""Instructions of Containerfile(5) that the file uses."""


def instructions(text: str) -> list[tuple[str, str]]:
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


def problems(text: str) -> list[str]:
    found = instructions(text)
    stages = [match[1] for name, rest in found if name == "FROM" and (match := re.search(r" AS (\w+)$", rest))]
    wrong = [name for name, _ in found if name not in INSTRUCTIONS]
    wrong += [] if found and found[0][0] == "FROM" else ["no FROM"]
    for name, rest in found:
        if name in {"ENTRYPOINT", "CMD"} and not all(isinstance(word, str) for word in json.loads(rest)):
            wrong.append(rest)
        if name == "COPY" and (stage := re.search(r"--from=(\w+)", rest)) and stage[1] not in stages:
            wrong.append(f"no stage {stage[1]}")
        if name == "RUN" and subprocess.run(["sh", "-n", "-c", rest], check=False, capture_output=True).returncode:
            wrong.append(rest)
    return wrong


def test_the_containerfile_is_correct() -> None:
    text = (PACKAGING / "Containerfile").read_text()
    assert problems(text) == []
    assert ("USER", "hashaudit") in instructions(text), "it does not run as root"
    assert problems(text.replace("FROM", "FRM")) != []
    assert problems(text.replace("--from=build", "--from=bild")) == ["no stage bild"]
    assert problems(text.replace("&& ", "&& && ")) != []


def test_the_script_of_the_debian_package_is_correct() -> None:
    script = PACKAGING / "build_deb.sh"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    done = subprocess.run([script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, f"usage: {script} WHEEL DIRECTORY\n")


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb (Debian: dpkg)")
def test_the_debian_package_has_the_program_pages_and_completion(tmp_path: Path) -> None:
    """A stand-in for pip puts a small package into place, so the test needs no index."""
    pip = tmp_path / "pip"
    pip.write_text(
        'for last; do :; done\ntarget=$(echo "$*" | sed "s/.*--target \\([^ ]*\\).*/\\1/")\n'
        'mkdir -p "$target/hashaudit_cli" "$target/share/man/man1"\n'
        'echo page > "$target/share/man/man1/hashaudit.1"\n'
        'echo "import sys; print(sys.argv[1:])" > "$target/hashaudit_cli/__main__.py"\n'
    )
    wheel = tmp_path / "hashaudit-9.8-py3-none-any.whl"
    wheel.touch()
    environment = {"PATH": "/usr/bin:/bin", "PIP": f"sh {pip}"}
    done = subprocess.run(
        [PACKAGING / "build_deb.sh", wheel, tmp_path / "out"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    (package,) = (tmp_path / "out").glob("hashaudit_9.8_*.deb")
    listed = subprocess.check_output(["dpkg-deb", "--contents", package], text=True)
    names = {line.split()[5].removeprefix(".") for line in listed.splitlines()}
    assert {
        "/usr/bin/hashaudit",
        "/usr/lib/hashaudit/bin/python",
        "/usr/share/man/man1/hashaudit.1.gz",
        "/usr/share/bash-completion/completions/hashaudit",
        "/usr/share/zsh/vendor-completions/_hashaudit",
        "/usr/share/fish/vendor_completions.d/hashaudit.fish",
    } <= names
    assert "root/root" in listed
    version = subprocess.check_output(["dpkg-deb", "--field", package, "Version", "Depends"], text=True)
    assert version.startswith("Version: 9.8\nDepends: python3 (>= 3.")
