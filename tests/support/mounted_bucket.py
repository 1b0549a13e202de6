"""A bucket mounted by the programs that people mount buckets with."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from object_store import CREDENTIALS

READY_S = 20

PROGRAMS = ("s3fs", "rclone")


def why_not(program: str) -> str | None:
    """Why nothing can be mounted here, if so."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK) or os.geteuid() != 0:
        return "needs root and /dev/fuse"
    return None if shutil.which(program) else f"needs {program}"


@contextmanager
def mounted(program: str, url: str, bucket: str, point: Path) -> Iterator[None]:
    """Mounts a bucket of a server at a folder that is there."""
    password = point.parent / "password"
    password.touch(mode=0o600)
    password.write_text(f"{CREDENTIALS['AWS_ACCESS_KEY_ID']}:{CREDENTIALS['AWS_SECRET_ACCESS_KEY']}")
    options = ["-f", "-o", f"url={url}", "-o", "use_path_request_style", "-o", f"passwd_file={password}"]
    remote = (
        f":s3,provider=Other,access_key_id={CREDENTIALS['AWS_ACCESS_KEY_ID']},"
        f'secret_access_key={CREDENTIALS["AWS_SECRET_ACCESS_KEY"]},endpoint="{url}":{bucket}'
    )
    commands = {
        "s3fs": ["s3fs", bucket, str(point), *options],
        "rclone": ["rclone", "mount", remote, str(point), "--config", "/dev/null", "--dir-cache-time", "0"],
    }
    environment = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    with subprocess.Popen(commands[program], env=environment, stderr=subprocess.DEVNULL) as daemon:
        try:
            end = time.monotonic() + READY_S
            while not point.is_mount():
                assert daemon.poll() is None, f"{program} ended"
                assert time.monotonic() < end, f"{program} mounted nothing"
                time.sleep(0.05)
            yield
        finally:
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
            daemon.terminate()
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
