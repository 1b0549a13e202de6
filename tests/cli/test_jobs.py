"""``hashaudit run`` and ``hashaudit job``: scans without a person, as cron and systemd start them."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from installed import COMMAND, Tool, parsed, wait_until

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it


class Job:
    """A job file with its directories."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "nightly.toml"
        self.tree, self.outputs = directory / "tree", directory / "outputs"
        self.list = directory / "list.txt"
        for folder in (self.tree, self.outputs):
            folder.mkdir()
        (self.tree / "good").write_text("good")
        self.list.write_text(hashlib.sha256(b"bad").hexdigest() + "\n")
        self._days = 0
        self.write()

    def write(self, job: str = "", scan: str = "", output: str = "{job}-{date}-{time}.jsonl") -> None:
        self.file.write_text(
            f'[job]\nname = "nightly"\nroots = ["{self.tree}"]\noutput = "{self.outputs}/{output}"\n{job}\n'
            f'[scan]\nlist = ["{self.list}"]\n{scan}\n'
        )

    @property
    def runs(self) -> list[Path]:
        return sorted(self.outputs.glob("*.jsonl"))

    def age(self) -> None:
        """Moves the last run to an earlier day, as if time had passed."""
        self._days += 1
        name = f"nightly-2020-01-{self._days:02}-000000Z.jsonl"
        last = self.runs[-1]
        for suffix in ("", ".sig"):
            os.rename(f"{last}{suffix}", self.outputs / f"{name}{suffix}")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_job_is_silent_until_there_is_something_to_say(job: Job, hashaudit: Tool) -> None:
    first = hashaudit("run", job.file, "-q")
    assert (first.code, first.out) == (0, b"")
    assert "created signing key" in first.err or not first.err
    job.age()
    (job.tree / "bad").write_text("bad")
    second = hashaudit("run", job.file, "-q")
    assert second.code == 8
    assert "findings: 1 new and 0 gone since the run of" in second.err
    before, after = (parsed(run.read_bytes())[0] for run in job.runs)
    assert after["config"]["previous_run"] == before["run_id"]
    assert before["config"]["previous_run"] is None
    assert all(hashaudit("verify", run).code == 0 for run in job.runs)
    job.age()
    job.write("only-new = true", 'on-findings = "echo mailed"')
    same = hashaudit("run", job.file, "-q")
    assert (same.code, len(same.err.splitlines())) == (8, 1), same.err
    assert "findings: 0 new and 0 gone since the run of" in same.err
    job.age()
    (job.tree / "other").write_text("bad")
    another = hashaudit("run", job.file, "-q")
    assert (another.code, another.err.count("finding: "), "mailed" in another.err) == (8, 1, True), another.err
    assert f"finding: {job.tree}/other" in another.err
    job.age()
    (job.tree / "bad").unlink()
    (job.tree / "other").unlink()
    third = hashaudit("run", job.file, "-q")
    assert (third.code, third.err) == (0, "")


def test_old_runs_are_deleted_but_for_those_with_findings(job: Job, hashaudit: Tool) -> None:
    job.write("keep = 2")
    (job.tree / "bad").write_text("bad")
    assert hashaudit("run", job.file, "-q").code == 8
    (job.tree / "bad").unlink()
    for _ in range(3):
        job.age()
        assert hashaudit("run", job.file, "-q").code == 0
    found = [json.loads(json.loads(run.read_text().splitlines()[-1])["body"])["totals"]["matched"] for run in job.runs]
    assert found == [1, 0, 0]
    assert len(list(job.outputs.glob("*.sig"))) == 3
    damaged = job.runs[1]
    damaged.write_bytes(damaged.read_bytes().replace(b"run_id", b"run_ix"))
    job.age()
    assert hashaudit("run", job.file, "-q").code == 0
    assert len(job.runs) == 4


def test_the_last_complete_run_is_kept_behind_interrupted_ones(job: Job, hashaudit: Tool) -> None:
    job.write("resume = false\nkeep = 1")
    assert hashaudit("run", job.file, "-q").code == 0
    job.age()
    (job.tree / "large").write_bytes(b"x" * (16 << 20))
    job.write("resume = false\nkeep = 1", 'max-time = "0.3"\nmax-rate = "1M"')
    assert hashaudit("run", job.file, "-q").code == 48
    assert len(job.runs) == 2


def test_a_second_start_names_the_first(job: Job, hashaudit: Tool) -> None:
    (job.tree / "large").write_bytes(b"x" * (6 << 20))
    job.write(scan='max-rate = "1M"\njobs = 1')
    process = hashaudit.start("run", job.file, "-q", stderr=subprocess.DEVNULL)
    wait_until(lambda: job.runs and job.runs[0].stat().st_size)
    second = hashaudit("run", job.file, "-q")
    assert (second.code, f"process {process.pid} since" in second.err) == (4, True), second.err
    assert hashaudit("run", job.file, "--wait", "0.6", "-q").code == 4
    process.kill()
    process.wait()
    third = hashaudit("run", job.file)
    assert third.code == 0, third.err
    assert "continuing the interrupted run" in third.err
    assert len(job.runs) == 1


def test_an_interrupted_run_is_not_continued_if_the_job_says_so(job: Job, hashaudit: Tool) -> None:
    job.write("resume = false", 'max-time = "0.3"\nmax-rate = "1M"')
    (job.tree / "large").write_bytes(b"x" * (16 << 20))
    assert hashaudit("run", job.file, "-q").code == 48
    job.write("resume = false")
    wait_until(lambda: hashaudit("run", job.file, "-q").code == 0)
    assert len(job.runs) == 2


INVALID = {
    "an unknown key": ("rots = []", "", "line 5", "roots"),
    "an unknown option": ("", "lst = []", "line 8", "list"),
    "a wrong value": ("keep = 0", "", "line 5; invalid [job]: keep must be 1 or more", ""),
    "a wrong type": ('keep = "many"', "", "line 5; invalid [job]", ""),
}


@pytest.mark.parametrize("case", INVALID)
def test_a_wrong_job_file_is_refused_with_the_line(case: str, job: Job, hashaudit: Tool) -> None:
    table, scan, message, hint = INVALID[case]
    job.write(table, scan)
    for words in (("job", "check"), ("run",)):
        result = hashaudit(*words, job.file)
        assert result.code == 2, result.err
        assert message in result.err
        assert hint in result.err
    assert not job.runs


@pytest.mark.parametrize("output", ["{job}.jsonl", "{date}/{time}-{date}.jsonl", "{job}-{date}-{time}-{x}.jsonl"])
def test_every_run_needs_a_name_of_its_own(output: str, job: Job, hashaudit: Tool) -> None:
    job.write(output=output)
    assert hashaudit("job", "check", job.file).code == 2


def test_a_new_job_file_is_valid_when_its_paths_are(job: Job, hashaudit: Tool, tmp_path: Path) -> None:
    made = tmp_path / "made.toml"
    assert hashaudit("job", "init", made).code == 0
    assert hashaudit("job", "init", made).code == 4
    text = made.read_text().replace("/srv", str(job.tree)).replace("/var/lib/hashaudit/{", f"{job.outputs}/{{")
    made.write_text(text.replace("/etc/hashaudit/list.txt", str(job.list)))
    checked = hashaudit("job", "check", made)
    assert (checked.code, str(job.outputs) in checked.out.decode()) == (0, True), checked.err
    # Every line that is commented out is an option that exists.
    made.write_text(made.read_text().replace("\n#", "\n#").replace("#cache", "cache").replace("#max-time", "max-time"))
    assert hashaudit("job", "check", made).code == 0


def test_cron_runs_the_line_without_a_home_and_with_a_short_path(job: Job, hashaudit: Tool, tmp_path: Path) -> None:
    (job.tree / "bad").write_text("bad")
    line = hashaudit("job", "cron", job.file).out.decode()
    assert line.startswith("0 2 * * *  /")
    command = line.split("  ", 1)[1].replace("\\%", "%")
    assert shlex.split(command)[1:] == ["run", str(job.file), "-q"]
    key = tmp_path / "key"
    assert hashaudit("keys", "new", key).code == 0
    job.write(scan=f'key = "{key}"')
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
        timeout=60,
    )
    assert done.returncode == 8, done.stderr
    assert b"finding: " in done.stderr


def test_units_run_the_job_and_grant_what_it_writes(job: Job, hashaudit: Tool, tmp_path: Path) -> None:
    job.write(scan=f'cache = "{tmp_path}/cache dir/c.db"')
    folder = tmp_path / "units"
    folder.mkdir()
    words = ("job", "units", job.file, "--write", folder, "--findings-succeed", "--calendar", "Mon *-*-* 03:00")
    assert hashaudit(*words).code == 0
    service = (folder / "hashaudit-nightly.service").read_text()
    assert f'ReadWritePaths={job.outputs} "{tmp_path}/cache dir"\n' in service
    assert f"RequiresMountsFor={job.tree} {job.outputs}\n" in service
    assert "SuccessExitStatus=8\n" in service
    assert f"ExecStart={COMMAND} run {job.file} -q\n" in service
    assert "OnCalendar=Mon *-*-* 03:00\n" in (folder / "hashaudit-nightly.timer").read_text()
    assert hashaudit(*words).code == 4
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    units = sorted(map(str, folder.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_accepted_findings_are_in_the_record_and_in_no_message(job: Job, hashaudit: Tool, tmp_path: Path) -> None:
    (job.tree / "bad").write_text("bad")
    with zipfile.ZipFile(job.tree / "a.zip", "w") as archive:
        archive.writestr("inside", "bad")
    accept, metrics = tmp_path / "accept.toml", tmp_path / "m.prom"
    rule = f'[[accept]]\nsha256 = "{hashlib.sha256(b"bad").hexdigest()}"\nreason = "test"\nby = "me"\nuntil = '
    accept.write_text(rule + '"2999-01-01"\n')
    job.write("keep = 1", f'accept = ["{accept}"]\nmetrics = "{metrics}"\non-findings = "echo mailed"')
    assert hashaudit("job", "check", job.file).code == 0
    first = hashaudit("run", job.file, "-q")
    assert (first.code, first.out) == (0, b"")
    assert "finding" not in first.err
    assert "mailed" not in first.err
    records = parsed(job.runs[0].read_bytes())
    found = [record["accepted"] for record in records if record["kind"] == "finding"]
    assert found == [{"reason": "test", "by": "me", "until": "2999-01-01"}] * 2
    assert "hashaudit_findings 0" in metrics.read_text()
    assert "hashaudit_findings_accepted 2" in metrics.read_text()
    verified = hashaudit("verify", job.runs[0])
    assert (verified.code, b"2 findings, 2 of them accepted" in verified.out) == (0, True)
    assert b"accepted" in hashaudit("show", job.runs[0]).out
    assert b"bad" not in hashaudit("show", job.runs[0], "--open").out
    job.age()
    # A run with accepted findings has findings, so it is kept.
    assert hashaudit("run", job.file, "-q").code == 0
    assert len(job.runs) == 2
    job.age()
    accept.write_text(rule + '"2020-01-01"\n')
    second = hashaudit("run", job.file, "-q")
    assert (second.code, "its acceptance by me ended on 2020-01-01" in second.err) == (8, True)
    assert "findings: 2 new and 0 gone" in second.err
    accept.write_text("[[acept]]\n")
    for words in (("job", "check", job.file), ("run", job.file, "-q")):
        refused = hashaudit(*words)
        assert (refused.code, "line 1; unknown key 'acept'" in refused.err) == (4, True)
