"""Unit files of systemd and lines of crontab for a job.

Source: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.timer(5), crontab(5).
"""

import os
import re
import shlex
from collections.abc import Sequence

from hashaudit.jobs.job import Job
from hashaudit.objectstores.url import parse_root

DEFAULT_CALENDAR = "*-*-* 02:00:00"

_PLAIN = re.compile(r"[A-Za-z0-9_./:=@,+-]+")


def service_unit(job: Job, command: Sequence[str], *, findings_succeed: bool, writable: Sequence[str] = ()) -> str:
    """Returns the service of a job: read-only but for its outputs, without devices, at the lowest priority.

    Args:
        job: the job.
        command: the words that run it; the first is an absolute path.
        findings_succeed: exit code 8 is a success of the unit.
        writable: further directories that the scan writes, such as that of its cache.
    """
    directory = os.path.abspath(job.output_pattern()[0])
    local = [root for root in job.roots if parse_root(os.fsencode(root)) is None]
    families = "AF_UNIX" if len(local) == len(job.roots) else "AF_UNIX AF_INET AF_INET6"
    mounts = " ".join(_word(os.path.abspath(path)) for path in (*local, directory))
    paths = " ".join(_word(os.path.abspath(path)) for path in dict.fromkeys((directory, *writable)))
    success = "SuccessExitStatus=8\n" if findings_succeed else ""
    return f"""[Unit]
Description=hashaudit job {job.name}
RequiresMountsFor={mounts}

[Service]
Type=oneshot
ExecStart={" ".join(map(_word, command))}
# Exit codes: 8 findings, 16 something was not examined, 24 both (hashaudit explain CODE).
{success}# A signing key with a passphrase: put the passphrase into a file that only root can read.
#LoadCredential=hashaudit-passphrase:/etc/hashaudit/passphrase
Nice=19
IOSchedulingClass=idle
ReadWritePaths={paths}
# The signing key is in /var/lib/hashaudit, created at first use. The option key of the job file names another.
StateDirectory=hashaudit
StateDirectoryMode=0700
CacheDirectory=hashaudit
Environment=XDG_CONFIG_HOME=%S XDG_CACHE_HOME=%C
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
RestrictAddressFamilies={families}
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
"""


def timer_unit(job: Job, calendar: str) -> str:
    """Returns the timer of a job.

    Args:
        job: the job.
        calendar: when it runs, as systemd.time(7) writes it.
    """
    return f"""[Unit]
Description=hashaudit job {job.name}

[Timer]
OnCalendar={calendar.replace("%", "%%")}
Persistent=yes
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target
"""


def cron_line(command: Sequence[str], schedule: str) -> str:
    """Returns a line of crontab. Its words are absolute paths, because cron has nearly no ``PATH``.

    Args:
        command: the words that run the job.
        schedule: the five fields of the time.
    """
    # crontab(5): an unescaped percent sign is a line end.
    return f"{schedule}  {shlex.join(command)}".replace("%", "\\%") + "\n"


def _word(text: str) -> str:
    """Returns a word of a unit file: specifiers and variables are escaped, blanks are quoted."""
    escaped = text.replace("%", "%%").replace("$", "$$")
    if _PLAIN.fullmatch(escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
