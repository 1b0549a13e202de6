"""Runs jobs under Debian's cron, as ``nobody``, and compares each mail, exit code and metric (part of ``make soak``).

cron runs in the foreground in a mount namespace of its own, with its own tables, and a stand-in for sendmail that
writes each mail to a file. The lines are those of ``hashaudit job cron``. A run takes up to two minutes, because cron
starts jobs at full minutes. It needs root, and an install that ``nobody`` may run (``HASHAUDIT_COMMAND``).
"""

import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = os.environ.get("HASHAUDIT_COMMAND") or str(Path(sys.executable).with_name("hashaudit"))
USER = "nobody"
WAIT_S = 150

SENDMAIL = """#!/bin/sh
{{ echo "ARGUMENTS: $*"; cat; }} > {mails}/unfinished.$$ && mv {mails}/unfinished.$$ {mails}/mail.$$
"""

NAMESPACE = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount --bind {place}/cron.d /etc/cron.d
mount --bind {place}/crontab /etc/crontab
mount --bind {place}/spool /var/spool/cron
mount -t overlay overlay -o lowerdir={place}/sbin:/usr/sbin /usr/sbin
exec {cron} -f
"""

JOB = """[job]
name = "{name}"
roots = ["{place}/{root}"]
output = "{place}/out/{{job}}-{{date}}-{{time}}.jsonl"

[scan]
key = "{place}/key"
list = ["sha256={place}/{listed}"]
metrics = "{place}/out/{name}.prom"
summary-file = "{place}/out/{name}.json"
{more}
"""

JOBS = {
    "clean": ("empty-handed", "list", "", 0),
    "found": ("tree", "list", "", 8),
    "unreadable": ("closed", "list", "", 16),
    "unmounted": ("empty-handed", "list", "require-mount = true", 16),
    "no-list": ("tree", "missing", "", 4),
}
"""Root, list, further options and expected exit code of each job."""


def make(place: Path) -> None:
    """Makes trees, list, key, job files and the table of cron."""
    for name in ("tree", "empty-handed", "closed", "out", "mails", "cron.d", "spool/crontabs", "sbin"):
        (place / name).mkdir(parents=True)
    (place / "tree" / "a file").write_bytes(b"listed")
    (place / "tree" / "other").write_bytes(b"other")
    (place / "empty-handed" / "one").write_bytes(b"one")
    (place / "closed" / "secret").write_bytes(b"secret")
    (place / "list").write_text(f"{hashlib.sha256(b'listed').hexdigest()}\n")
    (place / "list").chmod(0o600)
    (place / "crontab").touch()
    (place / "sbin" / "sendmail").write_text(SENDMAIL.format(mails=place / "mails"))
    (place / "sbin" / "sendmail").chmod(0o755)
    user = pwd.getpwnam(USER)
    lines = ["MAILTO=examiner@localhost"]
    for name, (root, listed, more, _) in JOBS.items():
        job = place / f"{name}.toml"
        job.write_text(JOB.format(name=name, place=place, root=root, listed=listed, more=more))
        line = subprocess.check_output([COMMAND, "job", "cron", job, "--schedule", "* * * * *"], text=True).strip()
        # Without an end, cron would start the jobs again in the next minute.
        lines.append(
            f"{line}; echo $? > {place}/out/{name}.code; umask > {place}/out/umask; env > {place}/out/environment"
        )
    table = place / "spool" / "crontabs" / USER
    table.write_text("\n".join(lines) + "\n")
    table.chmod(0o600)
    for path in (place, *place.rglob("*")):
        if path.parent.name != "sbin":
            os.chown(path, user.pw_uid, user.pw_gid)
    os.chown(place / "closed" / "secret", 0, 0)
    (place / "closed" / "secret").chmod(0o600)
    os.chown(place / "crontab", 0, 0)
    subprocess.run([COMMAND, "keys", "new", place / "key"], check=True, stdout=subprocess.DEVNULL)
    for name in ("key", "key.pub"):
        os.chown(place / name, user.pw_uid, user.pw_gid)


def run_cron(place: Path) -> None:
    """Runs cron until each job has ended once, and its mail is there."""
    script = NAMESPACE.format(place=place, cron=shutil.which("cron"))
    process = subprocess.Popen(["unshare", "--mount", "--fork", "--kill-child", "sh", "-c", script])
    try:
        end_s = time.monotonic() + WAIT_S
        while len(list((place / "out").glob("*.code"))) < len(JOBS) or len(mails(place)) < len(JOBS) - 1:
            if time.monotonic() > end_s or process.poll() is not None:
                break
            time.sleep(0.2)
            if (table := place / "spool" / "crontabs" / USER).exists() and list((place / "out").glob("*.code")):
                table.unlink()  # each job runs once
    finally:
        process.kill()
        process.wait()


def mails(place: Path) -> dict[str, str]:
    """Returns the text of each mail by job."""
    found = {}
    for path in (place / "mails").glob("mail.*"):
        text = path.read_text()
        name = re.search(r"^Subject: .*/([\w-]+)\.toml", text, re.MULTILINE)
        found[name[1] if name else path.name] = text
    return found


def body(mail: str, place: Path) -> list[str]:
    """Returns the lines after the head of a mail, without what differs from run to run."""
    lines = mail.partition("\n\n")[2].replace(str(place), "PLACE").splitlines()
    return [line for line in lines if line]


EXPECTED = {
    "found": [
        "hashaudit: finding: PLACE/tree/a file (list list)",
        "hashaudit: Complete: 2 files examined (11 B); 1 finding; 0 faults.",
    ],
    "unreadable": ["hashaudit: Incomplete: 0 files examined (0 B); 0 findings; 1 fault (1 permission_denied)."],
    "unmounted": [
        "hashaudit: warning: PLACE/empty-handed: root_empty: ROOT is not a mount point",
        "hashaudit: Incomplete: 1 file examined (3 B); 0 findings; 1 fault (1 root_empty).",
    ],
    "no-list": ["hashaudit: error: cannot read list: 'PLACE/missing'; No such file or directory"],
}
"""Body of each mail. A job that is clean sends none."""


def problems(place: Path) -> list[str]:
    """Returns what is not as it must be."""
    wrong = []
    sent = mails(place)
    if set(sent) != set(EXPECTED):
        wrong.append(f"mails of {sorted(sent)}, expected {sorted(EXPECTED)}")
    for name, (*_, code) in JOBS.items():
        path = place / "out" / f"{name}.code"
        actual = path.read_text().strip() if path.exists() else "none"
        if actual != str(code):
            wrong.append(f"{name}: exit code {actual}, expected {code}")
        if name in sent and body(sent[name], place) != EXPECTED.get(name):
            wrong.append(f"{name}: mail {body(sent[name], place)}")
        if code == 4 or not (place / "out" / f"{name}.json").exists():
            continue
        summary = json.loads((place / "out" / f"{name}.json").read_text())
        metrics = (place / "out" / f"{name}.prom").read_text()
        if summary["exit_code"] != code or f"hashaudit_exit_code {code}\n" not in re.sub(r"\{.*?\}", "", metrics):
            wrong.append(f"{name}: summary or metrics do not have exit code {code}")
    for findings in (place / "out").glob("*.jsonl"):
        if subprocess.run([COMMAND, "verify", findings, "--key", place / "key.pub"], check=False, stdout=-3).returncode:
            wrong.append(f"{findings.name} does not verify")
        if findings.stat().st_mode & 0o777 != 0o600:
            wrong.append(f"{findings.name} can be read by others")
    return wrong


def main() -> int:
    """Runs all jobs and returns an exit code."""
    missing = [name for name in ("cron", "unshare", "mount") if shutil.which(name) is None]
    if os.geteuid() or missing:
        print(f"not run: needs root, and {', '.join(missing) or 'nothing else'}")
        return 0
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        make(place)
        run_cron(place)
        for name, mail in sorted(mails(place).items()):
            print(f"--- mail of {name}\n{mail.replace(directory, 'PLACE')}")
        for name in ("umask", "environment"):
            if (path := place / "out" / name).exists():
                print(f"--- {name}\n{path.read_text().strip()}")
        wrong = problems(place)
    print(
        "\n".join(wrong)
        if wrong
        else f"{len(JOBS)} jobs under cron: mails, exit codes, metrics and signatures as expected"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
