import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hashaudit.host import birth_time
from hashaudit.host.birth_time import birth_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="statx is a call of Linux")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.touch()
    if birth_of(os.fsencode(path)) is None:
        pytest.skip("this filesystem keeps no creation time")
    return path


@linux
@pytest.mark.skipif(shutil.which("stat") is None, reason="needs stat of coreutils")
def test_it_is_what_coreutils_says(file: Path) -> None:
    birth = birth_of(os.fsencode(file))
    assert birth is not None
    shown = subprocess.run(["stat", "-c", "%W", file], capture_output=True, check=True).stdout
    assert birth.birth_ns // 10**9 == int(shown)
    assert (birth.device, birth.inode) == (file.stat().st_dev, file.stat().st_ino)


@linux
def test_changes_of_the_file_do_not_change_it(file: Path) -> None:
    before = birth_of(os.fsencode(file))
    file.write_bytes(b"content")
    os.utime(file, ns=(0, 0))
    assert birth_of(os.fsencode(file)) == before


@linux
def test_a_link_is_followed_only_if_asked(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to("file")
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        of_file, of_link = birth_of(b"link", folder, follow=True), birth_of(b"link", folder)
    finally:
        os.close(folder)
    assert of_file == birth_of(os.fsencode(file))
    assert of_link is not None
    assert of_link.inode == os.lstat(link).st_ino


@pytest.mark.parametrize("path", [b"missing", b"/proc/self/status"])
def test_what_has_none_gives_none(path: bytes) -> None:
    assert birth_of(path) is None


def test_a_system_without_the_call_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birth_time, "_statx", None)
    assert birth_of(os.fsencode(tmp_path)) is None
