"""The lines for cron in the README, run as cron runs them: exit code, mail, findings, metrics.

Their paths are those of a temporary tree. ``benchmarks/cron_jobs.py`` runs jobs under cron itself.
"""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from installed import COMMAND, Tool

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
LINES = re.findall(r"^\d+ \d+ \* \* \*  (hashaudit .*)$", README, re.MULTILINE)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The directories that the README names, with a listed file in ``srv``."""
    for name in ("srv", "etc/hashaudit", "var/lib/hashaudit", "var/lib/node_exporter", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "srv" / "a b").write_bytes(b"listed")
    listed = tmp_path / "etc" / "hashaudit" / "list.txt"
    listed.touch(mode=0o600)
    listed.write_text(f"{hashlib.sha256(b'listed').hexdigest()}  name\n")
    (tmp_path / "bin" / "hashaudit").symlink_to(COMMAND)
    return tmp_path


def test_the_readme_has_lines_for_cron() -> None:
    assert len(LINES) == 3


@pytest.mark.parametrize("line", LINES)
def test_a_line_for_cron_mails_findings_and_nothing_else(line: str, hashaudit: Tool, host: Path) -> None:
    def mail() -> tuple[int, str]:
        """The exit code, and what cron would mail: everything that the line prints."""
        # crontab(5): a percent sign is escaped there. The paths are below the temporary directory here.
        command = re.sub(r"(?<=[ =])/(?=srv|etc|var)", f"{host}/", line.replace("\\%", "%"))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"HOME": str(hashaudit.home), "PATH": f"{host}/bin:/usr/bin:/bin", "LOGNAME": "me", "SHELL": "/bin/sh"},
        )
        return done.returncode, done.stdout

    code, text = mail()
    assert code == 8, text
    finding, summary = text.splitlines()
    assert finding == f"hashaudit: finding: {host}/srv/a b (list list.txt: name)"
    assert summary == "hashaudit: Complete: 1 file examined (6 B); 1 finding; 0 faults."
    (findings,) = (host / "var" / "lib" / "hashaudit").glob("*.jsonl")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\.jsonl", findings.name)
    assert ("--metrics" in line) == (host / "var" / "lib" / "node_exporter" / "hashaudit.prom").exists()
    for path in findings.parent.glob("*.jsonl*"):
        path.unlink()
    (host / "srv" / "a b").write_bytes(b"other")
    assert mail() == (0, "")
