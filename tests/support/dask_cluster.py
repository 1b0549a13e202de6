"""A Dask cluster on loopback: its scheduler and workers are programs of their own, as on a real one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

START_TIMEOUT_S = 30.0


class DaskCluster:
    """Starts and ends the programs; whatever is left is killed on closing."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.programs: list[subprocess.Popen[bytes]] = []
        self.scheduler, self.address = self.start_scheduler(port)

    def start_scheduler(self, port: int = 0) -> tuple[subprocess.Popen[bytes], str]:
        """Starts a scheduler and gives its address."""
        told = self.folder / "scheduler.json"
        told.unlink(missing_ok=True)
        words = ["--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"]
        program = self._start("scheduler", [*words, "--scheduler-file", str(told)], {})
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s:
            if told.exists() and told.stat().st_size:
                return program, str(json.loads(told.read_text())["address"])
            time.sleep(0.05)
        raise TimeoutError("the scheduler does not start")

    def restart_scheduler(self) -> None:
        """Kills the scheduler and starts another at the same address."""
        kill(self.scheduler)
        self.scheduler, self.address = self.start_scheduler(int(self.address.rpartition(":")[2]))

    def add_worker(self, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Starts a worker with one thread; it joins by and by."""
        # Without a nanny, which would start again what a test kills.
        words = [self.address, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard"]
        return self._start("worker", [*words, "--local-directory", str(self.folder)], environment or {})

    @property
    def joined(self) -> int:
        """How many workers have joined so far, those that are gone included."""
        return self.log().count("Register worker addr")

    def kill_workers(self) -> None:
        """Kills all workers that are left."""
        for program in self.programs:
            if program is not self.scheduler:
                kill(program)

    def log(self) -> str:
        """What all programs have logged."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    def close(self) -> None:
        """Kills everything."""
        for program in self.programs:
            kill(program)

    def _start(self, kind: str, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        # What `dask scheduler` and `dask worker` run.
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
        with open(self.folder / f"{kind}-{len(self.programs)}.log", "wb") as log:
            program = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | {"TMPDIR": str(self.temporary)} | environment,
            )
        self.programs.append(program)
        return program


def kill(program: subprocess.Popen[bytes]) -> None:
    """Ends a program at once."""
    program.send_signal(signal.SIGKILL)
    program.wait()
