"""An interactive shell on a pseudo terminal, in which a test types lines and presses TAB."""

import os
import pty
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_S = 60

_SHELLS = {
    "bash": (
        ("bash", "--norc", "--noprofile", "-i"),
        (
            "bind 'set bell-style none'; bind 'set show-all-if-ambiguous on'; bind 'set page-completions off'; "
            "bind 'set enable-bracketed-paste off'; source {script}\n"
        ),
    ),
    "zsh": (
        ("zsh", "-f", "-i"),
        (
            "unsetopt beep zle_bracketed_paste; bindkey -e; LISTMAX=0; "
            "autoload -U compinit; compinit -u -D; source {script}\n"
        ),
    ),
}


class CompletingShell:
    """A running shell."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def type(self, text: str) -> None:
        """Types a text; ``\\t`` is the TAB key."""
        os.write(self._descriptor, text.encode())

    def wait_for(self, text: str) -> None:
        """Waits until the shell shows a text.

        Raises:
            AssertionError: it does not.
        """
        shown = b""
        readable = select.poll()  # a process of many tests can have descriptors beyond the 1,024 of select()
        readable.register(self._descriptor, select.POLLIN)
        end_s = time.monotonic() + TIMEOUT_S
        while text.encode() not in shown:
            assert time.monotonic() < end_s, (text, shown.decode(errors="replace"))
            if readable.poll(1000):
                shown += os.read(self._descriptor, 65536)

    def clear(self) -> None:
        """Discards the line that was typed."""
        self.type("\x05\x15")  # to its end, then delete to its begin
        self.type("echo cl''eared\n")
        self.wait_for("cleared\r\n")


@contextmanager
def completing_shell(shell: str, script: Path, home: Path) -> Iterator[CompletingShell]:
    """Starts a shell with a completion script.

    Args:
        shell: ``bash`` or ``zsh``.
        script: the script.
        home: home and working directory.
    """
    words, setup = _SHELLS[shell]
    process, descriptor = pty.fork()
    if process == 0:
        os.chdir(home)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        os.execvpe(words[0], words, environment)  # noqa: S606 # the child of a pseudo terminal
    try:
        running = CompletingShell(descriptor)
        running.type(setup.format(script=script) + "stty cols 200; echo rea''dy\n")
        running.wait_for("ready\r\n")
        yield running
    finally:
        os.close(descriptor)
        os.kill(process, 9)
        os.waitpid(process, 0)
