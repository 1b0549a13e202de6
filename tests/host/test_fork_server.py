"""The server that starts processes: whose children they are, and what becomes of them when something ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forked_functions
from hashaudit.host import fork_server
from hashaudit.host.fork_server import ForkedProcess, ForkServer, is_available
from hashaudit.host.process import adopt_orphans, is_adopting_orphans
from installed import status_of, wait_until

pytestmark = pytest.mark.skipif(not is_available(), reason="needs Linux")

HERE = f"{forked_functions.__name__}:"


@pytest.mark.parametrize("copies", [True, False])
def test_a_process_is_a_child_of_the_parent_with_nothing_of_it(*, copies: bool) -> None:
    code = f"""
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGUSR1, lambda *_: None)
secret = open("/dev/zero", "rb")
read, write = os.pipe()
with ForkServer(copies={copies}) as server:
    server.load("builtins:len", b"")
    process = server.fork("{HERE}describe", [write])
    os.close(write)
    print(process.wait(20), os.getpid(), os.read(read, 4096).decode())
    print(server.fork("{HERE}exit_with", [], b"7").wait(20), server.fork("{HERE}fail", []).wait(20))
    hung = server.fork("{HERE}hang", [])
    hung.pid
    hung.kill()
    print(hung.wait(20))
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    print("no child")
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    head = f"import os, signal; import {forked_functions.__name__}; from hashaudit.host.fork_server import ForkServer\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=False, timeout=30, env=env
    )
    assert done.stderr == ""
    first, second, third, fourth = done.stdout.splitlines()
    status, pid, parent, rest = first.split(" ", 3)
    assert (status, parent) == ("0", pid)
    default = [signal.SIG_DFL, signal.SIG_DFL]
    assert rest == f"True True {default} {{'/dev/null'}}"
    assert (second, third, fourth) == ("7 1", str(-signal.SIGKILL), "no child")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ForkServer:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return ForkServer(copies=False)


def test_processes_outlive_their_server(server: ForkServer) -> None:
    with server:
        hung = server.fork(f"{HERE}hang", [])
        assert status_of(hung.pid)[1] == str(os.getpid())
        assert server._popen is not None
        server._popen.kill()
        late = server_refuses(server)
        assert late is None or late.is_refused
        assert server.is_lost
        assert status_of(hung.pid)[0] != "Z"
        hung.kill()
        assert hung.wait(20) == -signal.SIGKILL


def server_refuses(server: ForkServer) -> ForkedProcess | None:
    """The last request to a server that is asked until it refuses."""
    asked = None
    try:
        for _ in range(1000):
            asked = server.fork(f"{HERE}exit_with", [], b"0")
            asked.wait(20)
            if server.is_lost:
                break
    except OSError:
        return None
    return asked


@pytest.mark.parametrize("function", ["load_a_thread", "missing"])
def test_a_server_that_cannot_load_starts_nothing(server: ForkServer, function: str) -> None:
    with server:
        server.load(f"{HERE}{function}")
        process = None
        try:
            process = server.fork(f"{HERE}hang", [])
        except OSError:
            assert server.is_lost  # it had ended before it was asked
        else:
            with pytest.raises(ProcessLookupError):
                process.pid  # noqa: B018 # waits
            assert process.is_refused
            with pytest.raises(ProcessLookupError):
                process.kill()
            assert process.wait(0) == -signal.SIGKILL


def test_ending_what_has_not_started_does_not_wait_for_it(server: ForkServer) -> None:
    with server:
        server.load(f"{HERE}load_slowly")
        process = server.fork(f"{HERE}hang", [])
        assert not process.is_started
        begun_s = time.monotonic()
        with pytest.raises(ProcessLookupError):
            process.kill()
        assert time.monotonic() - begun_s < 20
        assert process.is_refused


def test_nothing_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
import {forked_functions.__name__}
from hashaudit.host.fork_server import ForkServer
server = ForkServer(copies=True)
process = server.fork("{HERE}die_with", [], str(os.getpid()).encode())
print(process.pid, server._pid, flush=True)
sys.stdin.read()
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=tmp_path
    )
    assert parent.stdout is not None
    started = [int(word) for word in parent.stdout.readline().split()]
    assert len(started) == 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: all(status_of(pid)[0] == "Z" for pid in started))


def test_adopting_orphans_ends_with_the_server(server: ForkServer) -> None:
    with server:
        with ForkServer(copies=False):
            assert is_adopting_orphans() is True
        # Two scans may run at the same time.
        assert is_adopting_orphans() is True
        assert server.fork(f"{HERE}exit_with", [], b"7").wait(20) == 7
    assert is_adopting_orphans() is False


def test_a_process_that_is_not_adopted_never_begins_and_ends_the_use_of_the_server(server: ForkServer) -> None:
    with server:
        adopt_orphans(is_active=False)
        process = server.fork(f"{HERE}hang", [])
        assert process.wait(20) == -signal.SIGKILL
        assert process.is_refused
        assert server.is_lost


def test_without_adoption_there_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_server, "is_adopting_orphans", lambda: None)
    assert not is_available()
