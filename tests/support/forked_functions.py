"""Functions that processes of a fork server run in tests: this module is importable in them."""

import os
import signal
import threading
import time

from hashaudit.host.process import die_with_parent


def exit_with(_descriptors: list[int], argument: bytes) -> None:
    raise SystemExit(int(argument))


def fail(_descriptors: list[int], _argument: bytes) -> None:
    raise ValueError


def hang(_descriptors: list[int], _argument: bytes) -> None:
    time.sleep(60)


def describe(descriptors: list[int], _argument: bytes) -> None:
    [pipe] = descriptors
    held = sorted(map(int, os.listdir("/proc/self/fd")))
    signals = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    standard = {os.readlink(f"/proc/self/fd/{number}") for number in range(3)}
    # The listing itself has the highest descriptor.
    text = f"{os.getppid()} {os.getpgid(0) == os.getpid()} {held[:-1] == [0, 1, 2, pipe]} {signals} {standard}"
    os.write(pipe, text.encode())


def load_slowly(_argument: bytes) -> None:
    time.sleep(60)


def load_a_thread(_argument: bytes) -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def die_with(_descriptors: list[int], argument: bytes) -> None:
    die_with_parent(int(argument))
    time.sleep(60)
