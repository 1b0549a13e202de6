import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hashaudit.host import process

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl")


def run(code: str) -> str:
    """Returns the output of a fresh interpreter, because limits last for a process's whole life."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@linux
def test_a_child_dies_with_its_parent() -> None:
    code = """
import os, sys, time
from hashaudit.host.process import die_with_parent
parent = os.getpid()
if os.fork() == 0:
    print(die_with_parent(parent), flush=True)
    time.sleep(30)
    print("survived", flush=True)
sys.stdin.read()
"""
    # The pipe closes when the last process that holds it has ended, child or grandchild.
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"True\n"
        parent.kill()
        assert parent.stdout.read() == b""


@linux
def test_an_orphan_ends_at_once() -> None:
    code = f"from hashaudit.host.process import die_with_parent; die_with_parent({os.getppid()}); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


@linux
def test_privileges_and_core_dumps_are_forbidden() -> None:
    code = """
from hashaudit.host import process
print(process.forbid_new_privileges(), process.forbid_core_dumps())
print([line for line in open('/proc/self/status') if line.startswith('NoNewPrivs')][0].split()[1])
print([line for line in open('/proc/self/limits') if line.startswith('Max core')][0].split()[4:6])
"""
    assert run(code).split("\n") == ["True True", "1", "['0', '0']"]


@linux
def test_a_crash_leaves_no_core_and_no_one_else_reads_the_memory(tmp_path: Path) -> None:
    code = """
import os, resource, signal
from hashaudit.host import process
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
print(process.forbid_inspection(), flush=True)
# Its own view of itself must stay: the mount table, the descriptors, the threads, the memory.
if os.geteuid() == 0:
    os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
    process.forbid_inspection()  # a change of user resets it
for name in "mountinfo statm stat cgroup status limits".split():
    assert open(f"/proc/self/{name}").read(), name
assert os.listdir("/proc/self/fd") and os.listdir("/proc/self/task")
try:
    open("/proc/self/mem")
except PermissionError:
    print("unreadable", flush=True)
os.kill(os.getpid(), signal.SIGQUIT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (-signal.SIGQUIT, "True\nunreadable\n"), done.stderr
    assert not list(tmp_path.iterdir())


@linux
def test_the_soft_limit_of_open_files_rises_to_the_hard_one() -> None:
    code = """
import resource
from hashaudit.host.process import raise_open_file_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 99))
print(raise_open_file_limit(), resource.getrlimit(resource.RLIMIT_NOFILE))
print(raise_open_file_limit())
"""
    assert run(code).split("\n") == ["99 (99, 99)", "99"]


@linux
def test_after_a_refused_hard_limit_a_lower_one_is_set() -> None:
    code = """
import resource
from hashaudit.host import process
def refuse(which, wanted):
    if wanted[0] == resource.RLIM_INFINITY: raise ValueError
    limit[:] = wanted
resource.getrlimit, resource.setrlimit = lambda which: tuple(limit), refuse
for limit in [256, -1], [20000, -1], [256, 300], [-1, -1]:
    print(process.raise_open_file_limit(), limit)
"""
    assert run(code).split("\n") == ["10240 [10240, -1]", "20000 [20000, -1]", "300 [300, 300]", "None [-1, -1]"]


def test_without_prctl_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(_name: object, **_options: object) -> object:
        raise TypeError

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert process.die_with_parent(1) is False
    assert process.forbid_new_privileges() is False
    assert process.forbid_inspection() is False
    monkeypatch.setattr(ctypes, "CDLL", lambda _name, **_: object())
    assert process.forbid_new_privileges() is False


def test_without_resource_limits_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "HAS_RESOURCE_LIMITS", False)
    assert process.forbid_core_dumps() is False
    assert process.raise_open_file_limit() is None
