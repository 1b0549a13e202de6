"""What all tests share: the rule about skips, hypothesis profiles, the installed command and lists for it."""

import gc
import hashlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hashaudit.lists import list_parser
from installed import Tool
from property_examples import EXAMPLES
from warm_command import Kind

# A suite that a script starts in the background, or by nohup, ignores these signals, and so would the commands that it
# starts.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)

# Timing belongs to benchmarks: a busy machine must not fail a property.
settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    max_examples=EXAMPLES,
)
settings.load_profile("suite")


MAX_LEFT_OPEN = 100
"""Descriptors that a process may have more at the end of a test than before its first one: those of servers, of
libraries and of the processes that start commands. More are a leak, here or in the library."""


gc.disable()  # until all tests are collected, for each collection of garbage would look at all of them


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the slow tests, so that the others end while they run."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Spares each collection of garbage the objects of all tests and modules."""
    gc.collect()
    gc.freeze()
    gc.enable()


class OpenDescriptors:
    """The descriptors of this process, and the tests that left some open."""

    def __init__(self) -> None:
        self._first = self._last = self._count()
        self._by_test: Counter[str] = Counter()

    @staticmethod
    def _count() -> int:
        return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    def leak_after(self, test: str) -> str:
        """Returns the tests that left most descriptors open once there are too many, and begins again; or nothing."""
        now = self._count()
        if now - self._first > MAX_LEFT_OPEN:
            gc.collect()  # some are held by cycles of objects
            now = self._count()
        self._by_test[test] += now - self._last
        self._last = now
        if now - self._first <= MAX_LEFT_OPEN:
            return ""
        most = "".join(f"\n  {number:+} {name}" for name, number in self._by_test.most_common(12))
        self._first = now
        return f"{now} descriptors are open; these tests left most of them open:{most}"


@pytest.fixture(scope="session")
def open_descriptors() -> OpenDescriptors:
    return OpenDescriptors()


@pytest.fixture(autouse=True)
def no_leak(request: pytest.FixtureRequest, open_descriptors: OpenDescriptors) -> Generator[None]:
    """Fails in the process that has too many open descriptors, and names the tests that left them."""
    yield
    leak = open_descriptors.leak_after(request.node.nodeid)
    assert not leak, leak


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where HASHAUDIT_NO_SKIPS is set, a skipped test is a failed one: the environment lacks what it should have."""
    report = yield
    # What can be installed is; whether a container may mount is for its host to say.
    cannot_mount = "/dev/fuse" in str(report.longrepr) and not os.access("/dev/fuse", os.R_OK | os.W_OK)
    must_run = os.environ.get("HASHAUDIT_NO_SKIPS") and not cannot_mount
    if report.skipped and must_run and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parses lists in this process, to save time; test_list_parser.py shows that another one gives the same."""
    monkeypatch.setattr(list_parser, "IN_PROCESS", True)


@pytest.fixture
def hashaudit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Tool]:
    """The installed command. A module's ``JOBS`` is the number of workers of its scans; each takes time to start.

    Most commands of a module with ``LOOKS_AT_IMAGES`` decode images.
    """
    tool = Tool(tmp_path_factory.mktemp("home"))
    if jobs := getattr(request.module, "JOBS", None):
        tool.environment["HASHAUDIT_JOBS"] = jobs
    if getattr(request.module, "LOOKS_AT_IMAGES", False):
        tool.kind = Kind.IMAGES
    yield tool
    tool.end()


@pytest.fixture
def make_list(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a list of the sha256 of each given content."""

    def make(*contents: bytes, algorithm: str = "sha256") -> Path:
        path = tmp_path_factory.mktemp("list") / "list.txt"
        path.touch(mode=0o600)
        path.write_text("".join(f"{hashlib.new(algorithm, content).hexdigest()}\n" for content in contents))
        return path

    return make


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run of the suite share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def s3_url(run_folder: Path) -> Generator[str]:
    """The URL of an S3 server; every test makes buckets of its own."""
    # Only tests of object stores wait for it.
    from object_store import s3_server  # noqa: PLC0415 # as above

    with s3_server(run_folder) as url:
        yield url


@pytest.fixture(scope="session")
def azure_url(run_folder: Path) -> Generator[str]:
    """The URL of an Azure account; every test makes containers of its own."""
    from object_store import AZURITE, azure_server  # noqa: PLC0415 # as above

    if AZURITE is None:
        pytest.skip("azurite is not installed: npm install azurite, then AZURITE=.../azurite-blob")
    with azure_server(run_folder, AZURITE) as url:
        yield url
