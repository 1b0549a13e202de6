import os
import platform
import subprocess
import sys

import pytest

from hashaudit.host import priority

CODE = """
import os, subprocess, sys
from hashaudit.host.priority import lower_priority
print(*lower_priority(), flush=True)
subprocess.run([sys.executable, "-c", "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the classes of the disk are Linux's")
def test_a_child_inherits_the_low_priority() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["processor disk", "19"]


def test_a_system_without_priorities_lowers_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "setpriority")
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert priority.lower_priority() == ()


def test_a_refusal_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert priority.lower_priority() == ()
