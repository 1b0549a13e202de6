"""The yardstick of small files: the same system calls and SHA-256 as a scan, in a loop that does nothing else.

    python benchmarks/bare_loop.py ROOT

Two processes share the directories directly below ROOT, or one takes ROOT itself if it has none. Each directory is
listed; each file is opened, examined, read, hashed, examined again, and examined by name. It has no list, no output and
no check.
"""

import hashlib
import multiprocessing
import os
import sys
from collections.abc import Iterable

PROCESSES = 2
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOATIME", 0)


def read_directories(directories: Iterable[str | os.PathLike[str]]) -> None:
    """Opens, examines, reads, hashes, examines again, and examines by name every file of each directory."""
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    for below in directories:
        at = os.open(below, os.O_RDONLY)
        for name in sorted(os.listdir(at)):
            descriptor = os.open(name, FLAGS, dir_fd=at)
            os.fstat(descriptor)
            running = hashlib.sha256()
            while count := os.readv(descriptor, [buffer]):
                running.update(view[:count])
                if count < len(buffer):
                    break
            os.fstat(descriptor)
            os.close(descriptor)
            running.digest()
            os.stat(name, dir_fd=at, follow_symlinks=False)
        os.close(at)


def main(root: str) -> None:
    """Reads all files of a tree of one level."""
    directories = sorted(entry.path for entry in os.scandir(root) if entry.is_dir()) or [root]
    processes = [
        multiprocessing.Process(target=read_directories, args=(directories[number::PROCESSES],))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
