"""A real rsyslog with a socket of its own, which writes what it has parsed as JSON lines."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from installed import parsed

TIMEOUT_S = 30

_FIELDS = ("pri", "protocol-version", "timereported", "hostname", "app-name", "msgid", "structured-data", "msg")

_CONFIGURATION = """global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log" UseSpecialParser="off" ParseHostname="on" IgnoreTimestamp="off")
template(name="all" type="list" option.jsonf="on") {{
{fields}
}}
action(type="omfile" file="{folder}/received" template="all")
"""


@contextmanager
def log_daemon(folder: Path) -> Iterator[Path]:
    """Starts the daemon and yields its socket."""
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
    if program is None:
        pytest.skip("needs rsyslogd (Debian: rsyslog)")
    fields = [f' property(outname="{name}" name="{name}" format="jsonf")' for name in _FIELDS]
    fields[2] = fields[2].replace("format=", 'dateFormat="rfc3339" format=')
    text = _CONFIGURATION.format(folder=folder, fields="\n".join(fields))
    (folder / "rsyslog.conf").write_text(text)
    words: list[str | Path] = [program, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"]
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as daemon:
        try:
            _wait_for((folder / "log").exists)
            yield folder / "log"
        finally:
            daemon.terminate()


def received(folder: Path, number: int) -> list[dict[str, Any]]:
    """The messages that the daemon has parsed, as soon as there are so many."""
    path = folder / "received"
    _wait_for(lambda: path.exists() and path.read_bytes().count(b"\n") >= number)
    return parsed(path.read_bytes())


def _wait_for(holds: Any) -> None:
    end_s = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < end_s, "rsyslogd does not answer"
        time.sleep(0.02)
