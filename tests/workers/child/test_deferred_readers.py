"""A worker without readers leaves the first container to one that has them, and what was done before it counts."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hashaudit.content.containers.inside_budget import InsideLimits
from hashaudit.host.files import stat_of
from hashaudit.model.containers import ContainerKind
from hashaudit.model.entry import Consistency
from hashaudit.model.location import DirectoryRef
from hashaudit.model.results import AlgorithmName
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.protocol import (
    ALLOWED_BYTES,
    PROGRESS_WORDS,
    READ_BYTES,
    Answer,
    Group,
    InsideConfig,
    Item,
    WorkBatch,
    WorkerConfig,
)

SHA256 = AlgorithmName("sha256")


def examined(folder: Path, kinds: set[ContainerKind], *, deferred: bool, inside: bool = True) -> tuple[Answer, int]:
    """Returns the answer for all files of a directory by name, and the bytes read from storage."""
    settings = InsideConfig(frozenset(kinds), InsideLimits(8, 1 << 30), opens_known=False, is_deferred=deferred)
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    progress[ALLOWED_BYTES] = 1 << 40
    here = os.stat(folder)
    items = tuple(
        Item(
            os.fsencode(path.name), stat_of(path.stat()), Consistency.STABLE, False, False, None, (), False,
            inside=inside,
        )
        for path in sorted(folder.iterdir())
    )  # fmt: skip
    group = Group(DirectoryRef(os.fsencode(folder), here.st_dev, here.st_ino), 0, items)
    answer = Examiner(WorkerConfig((SHA256,), False, (), inside=settings), progress).examine_batch(
        WorkBatch(1, (group,))
    )
    return answer, progress[READ_BYTES]


def archive() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("member", b"content")
    return made.getvalue()


@pytest.mark.parametrize(
    "content",
    [archive(), b"plain text before it" + archive(), b"\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0"],
    ids=["zip", "zip behind text", "empty gzip"],
)
def test_a_container_and_what_follows_are_left(content: bytes, tmp_path: Path) -> None:
    for name, data in (("a", b"text"), ("b", content), ("c", b"more")):
        (tmp_path / name).write_bytes(data)
    kinds = {ContainerKind.ZIP, ContainerKind.GZ}
    answer, _ = examined(tmp_path, kinds, deferred=True)
    assert (answer.needs_readers, answer.not_begun, answer.reported, answer.known) == (True, 2, (), ())
    assert answer.bytes_read == 4
    answer, _ = examined(tmp_path, kinds, deferred=False)
    assert (answer.needs_readers, answer.not_begun) == (False, 0)
    assert answer.bytes_read == 8 + len(content)
    # A container that is not to be opened needs no reader.
    for without in ({"kinds": {ContainerKind.PDF}}, {"kinds": kinds, "inside": False}):
        answer, _ = examined(tmp_path, deferred=True, **without)
        assert (answer.needs_readers, answer.not_begun) == (False, 0)


def test_a_long_container_is_not_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "long.zip").write_bytes(archive().ljust(64 << 20, b"\0"))
    answer, read_bytes = examined(tmp_path, {ContainerKind.ZIP}, deferred=True)
    assert (answer.needs_readers, answer.not_begun, answer.bytes_read) == (True, 1, 0)
    assert read_bytes <= 8 << 20


def test_a_worker_without_readers_imports_none() -> None:
    code = "import sys, hashaudit.workers.child.child_main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hashaudit.workers.child.inside" in loaded
    readers = [name for name in loaded if name.startswith("hashaudit.content.containers.")]
    readers = [name for name in readers if name.endswith(("_reader", "reader_registry"))]
    assert readers == []
