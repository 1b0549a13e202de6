"""Tests the walk and the reader on a system without any Linux feature: all of them are removed at once."""

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import os, signal, stat, sys

for name in (
    "O_NOFOLLOW O_NONBLOCK O_NOCTTY O_CLOEXEC O_DIRECTORY O_NOATIME O_PATH SEEK_DATA SEEK_HOLE readv preadv geteuid "
    "getuid sched_getaffinity major minor makedev fchmod fchdir mkfifo getppid"
).split():
    if hasattr(os, name):
        delattr(os, name)
del signal.SIGKILL
os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks = set(), set(), set()
sys.modules["resource"] = None

import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "resource" else find_spec(name, *rest)

import ctypes
def no_library(name, **options):
    raise TypeError("bad argument type for built-in operation")
ctypes.CDLL = no_library

from hashaudit.host import files, hardware, mount_table, process
mount_table.MOUNTINFO = hardware.CGROUP_OF_SELF = "nowhere"

from hashaudit.model.entry import Entry
from hashaudit.content.read import DirectoryCache, Reader, read_entry
from hashaudit.sources.local import LocalSource

assert not files.HAS_DIR_FD and not process.HAS_RESOURCE_LIMITS
assert not process.die_with_parent(1) and not process.forbid_new_privileges() and not process.forbid_core_dumps()
assert process.raise_open_file_limit() is None and hardware.clock_is_synchronised() is None
assert hardware.is_rotational(1) is None and hardware.cpu_count() >= 1

class Sink:
    content = b""
    def update(self, data):
        self.content += data

source = LocalSource([os.fsencode(sys.argv[1])])
assert source.describe_roots()[0].fs_type is None
with DirectoryCache() as cache:
    for item in source.walk():
        if isinstance(item, Entry):
            outcome = read_entry(item, cache, Sink, Reader())
            content = outcome.sink.content.strip(b"\\0").decode()
            print(os.fsdecode(item.location.name), content, outcome.consistency, len(outcome.faults))
        else:
            print(os.fsdecode(os.path.basename(item.path)), item.reason)
"""


def test_a_tree_is_walked_and_read_without_linux_features(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep").write_text("below")
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to("file")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"data")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "file content stable 0",
        "link symbolic_link",
        "sparse data stable 0",
        "deep below stable 0",
    ]
