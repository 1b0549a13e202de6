import subprocess
import sys
from pathlib import Path

import pytest

from hashaudit.errors import HostError
from hashaudit.host import memory
from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox import landlock, sandbox, seccomp

WHOLE = (
    "parent_death_signal",
    "no_new_privileges",
    "no_core_dumps",
    "no_file_growth",
    "address_space_limit",
    "few_capabilities",
    "landlock_abi_4",
    "seccomp",
)

locked = pytest.mark.skipif(not landlock.abi(), reason="needs a kernel with landlock")


def run(code: str) -> str:
    """Returns the output of a fresh interpreter, because a sandbox cannot be removed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_missing_layers_are_named() -> None:
    assert sandbox.missing(WHOLE) == ()
    assert sandbox.missing(WHOLE[:-2]) == ("landlock", "seccomp")
    assert sandbox.missing(()) == sandbox.LAYERS
    sandbox.require(WHOLE)
    with pytest.raises(HostError, match="incomplete: 'landlock, seccomp';") as caught:
        sandbox.require(WHOLE[:-2])
    assert caught.value.hint is not None


def test_a_sandbox_with_network_is_complete() -> None:
    assert sandbox.missing((*WHOLE[:-1], "seccomp_with_network")) == ()


def test_available_layers_are_those_that_become_active() -> None:
    code = """
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.sandbox import Sandbox, available
has = available()
process.forbid_new_privileges()
layers = Sandbox((b"/",), 1 << 30).apply(AddressSpace())
print(sorted(set(has) ^ set(layers)))
"""
    assert run(code) == "['no_core_dumps', 'no_new_privileges', 'parent_death_signal']"


@locked
def test_only_files_below_the_given_paths_can_be_read(tmp_path: Path) -> None:
    for name in ("in/below/file", "out/file"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "single").write_text("single")
    code = f"""
import os
from hashaudit.host import process
from hashaudit.host.sandbox import landlock
os.chdir({str(tmp_path)!r})
here = os.getcwdb()
def outcome(act):
    try:
        act()
        return "yes"
    except PermissionError:
        return "no"
process.forbid_new_privileges()
held = os.open("out/file", os.O_RDONLY)
assert landlock.restrict([here + b"/in", here + b"/single", here + b"/gone"], network=False)
print(outcome(lambda: open("in/below/file").read()), outcome(lambda: os.listdir("in/below")),
      outcome(lambda: open("single").read()), outcome(lambda: os.read(held, 1)),
      outcome(lambda: open("out/file").read()), outcome(lambda: os.listdir("out")), outcome(lambda: os.listdir(".")),
      outcome(lambda: open("in/below/file", "w")), outcome(lambda: open("in/new", "w")),
      outcome(lambda: os.unlink("in/below/file")),
      outcome(lambda: os.mkdir("in/d")), outcome(lambda: os.truncate("in/below/file", 0)))
"""
    assert run(code) == "yes yes yes yes no no no no no no no no"


def test_a_process_with_more_threads_is_not_reported_as_restricted() -> None:
    code = """
import threading
from hashaudit.host import process
from hashaudit.host.memory import AddressSpace
from hashaudit.host.sandbox.sandbox import Sandbox, missing
process.forbid_new_privileges()
stay = threading.Event()
thread = threading.Thread(target=stay.wait)
thread.start()
print(*missing(Sandbox((), 1 << 30).apply(AddressSpace()))[3:])
stay.set()
"""
    assert run(code).split()[:2] == ["few_capabilities", "landlock"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has capabilities")
def test_capabilities_that_reading_does_not_need_are_dropped() -> None:
    code = """
from hashaudit.host.sandbox import capabilities
print(capabilities.drop())
sets = [line.split() for line in open("/proc/self/status") if line[:6] in {"CapEff", "CapPrm", "CapInh"}]
print(all(int(value, 16) & ~0b1100 == 0 for _, value in sets), len(sets))
"""
    assert run(code).split() == ["True", "True", "3"]


def test_without_landlock_nothing_is_restricted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "_call", lambda *_: -1)
    assert landlock.abi() == 0
    assert landlock.restrict([b"/"], network=False) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit")
def test_memory_beyond_the_limit_is_refused() -> None:
    code = """
from hashaudit.host.memory import AddressSpace
held = bytearray(200 << 20)
space = AddressSpace()
assert space.limit(100 << 20)
first = bytearray(60 << 20)
print(space.grown_bytes() >> 20 in range(60, 64))
try:
    bytearray(60 << 20)
except MemoryError:
    print("refused")
"""
    assert run(code).split() == ["True", "refused"]


def test_memory_that_cannot_be_measured_is_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "STATM", "/nowhere")
    space = AddressSpace()
    assert not space.limit(1)
    assert space.grown_bytes() == 0
    assert "address_space_limit" not in sandbox.available()


def test_available_layers_follow_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 3)
    monkeypatch.setattr(seccomp, "available", lambda: False)
    assert "landlock_abi_3" in sandbox.available()
    assert "seccomp" not in sandbox.available()
