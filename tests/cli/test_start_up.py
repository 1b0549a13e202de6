"""What a scan imports: packages that take long to load are loaded only by the scans that use them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from installed import COMMAND, Tool, Word

SLOW = {
    "PIL",
    "ast",
    "dask",
    "dns",
    "boto3",
    "csv",
    "difflib",
    "getpass",
    "glob",
    "hmac",
    "ijson",
    "imagehash",
    "inspect",
    "ipaddress",
    "json",
    "numpy",
    "pydantic",
    "rich",
    "scipy",
    "secrets",
    "shlex",
    "sqlite3",
    "string",
    "subprocess",
    "ssl",
    "sysconfig",
    "tokenize",
    "tqdm",
    "typer",
    "urllib",
    "xml",
    "zipfile",
    "zstandard",
}
OF_OTHERS = re.compile(
    r"hashaudit\.(content\.(containers\.(\w+_(reader|registry|image)|volume_set|sniff)|images\.(pillow|decode)|read)"
    r"|lists\.(formats|detect|entry_fields|ingest|parser_child|compile_cache|index\.(builder|compile_lists))"
    r"|objectstores\.(s3|azure|sandbox_paths)|report\.(?!redaction)|triage|exports|doctor|cache\.blocks|jobs|sources\.name_list"
    r"|scan\.(acceptances|auditor|password_file)|workers\.(fault_texts|dask|child\.child_main|local\.plugin_probe))\b"
)
"""Modules that a scan needs in other processes, or for other things."""
MOST_MODULES = 210
"""Modules of this program; each takes some 0.3 ms to load."""
OF_ERRORS = {"typer", "rich"}


def imported(tool: Tool, *words: Word) -> set[str]:
    """The modules that a command imports; its parent process alone."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, *words],
        capture_output=True,
        check=False,
        env=tool.environment,
        timeout=60,
    )
    assert done.returncode in {0, 2, 8}
    return set(re.findall(r"\|\s+([\w.]+)$", done.stderr.decode(), re.MULTILINE))


@pytest.mark.parametrize("words", [("--unsigned",), ("-q",), ("--record", "all")])
def test_a_plain_scan_of_a_directory_imports_nothing_slow(
    words: tuple[str, ...], hashaudit: Tool, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a").write_bytes(b"a")
    (tmp_path / "list").touch(mode=0o600)
    (tmp_path / "list").write_text(f"{'ab' * 32}\n")
    hashaudit("keys", "new")  # to create a key takes other modules than to use it
    names = imported(hashaudit, "scan", tmp_path / "tree", "--list", f"sha256={tmp_path / 'list'}", *words)
    assert "hashaudit.scan.findings_scan" in names
    assert sorted(names & SLOW) == []
    assert [name for name in sorted(names) if OF_OTHERS.match(name)] == []
    assert len([name for name in names if name.startswith("hashaudit")]) <= MOST_MODULES


def test_an_error_of_the_command_line_imports_typer(hashaudit: Tool) -> None:
    # The twin of the test above: these names are seen if something imports them.
    assert imported(hashaudit, "scan", "--nonsense") & OF_ERRORS


def test_the_version_imports_next_to_nothing(hashaudit: Tool) -> None:
    assert not imported(hashaudit, "--version") & (SLOW | {"msgspec", "typing", "importlib.metadata"})
