"""Whatever a tree holds and whatever becomes of it, a scan with a cache finds what one without finds."""

import hashlib
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache_lab import TICK_S, picture, scan, trusted
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ

CONTENTS = [
    b"",
    b"plain",
    b"other",
    b"x" * 5000,
    picture(1),
    picture(1, "JPEG"),
    picture(2, "JPEG"),
    picture(3, "GIF", frames=3),
    picture(4)[:-200],
    picture(5, "JPEG")[:700],
    b"\xff\xd8\xff\xe0 no picture after all",
    b"8BPS\0\x01 of a kind that is not decoded",
    b"\x89PNG\r\n\x1a\n",
]
NAMES = ["a", "b", "c", "d/e", "d/f", "g/h/i"]
CHANGES = ["rewrite", "rewrite in place, times put back", "replace", "remove", "link", "touch"]

ALGORITHMS = [
    {"digests": ["sha256"]},
    {"digests": ["sha256", "md5"]},
    {"perceptual": ["pdq"]},
    {"perceptual": ["pdq", "dhash"]},
    {"perceptual": ["pdq", "colorhash"]},
    {"perceptual": ["pdq"], "variants": "none"},
    {"perceptual": ["pdq"], "max_frames": 1},
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list with a digest of one of the contents, and a hash that others are near to."""
    path = tmp_path_factory.mktemp("list") / "list.txt"
    path.touch(mode=0o600)
    (one, *_) = hash_image(picture(1), [PDQ], HashOptions(variants=Variants.NONE)).hashes
    path.write_text(f"SHA256 (x) = {hashlib.sha256(b'plain').hexdigest()}\nPDQ (y) = {one.value}\n")
    return path


def change(path: Path, what: str, content: bytes) -> None:
    time.sleep(TICK_S)
    before = path.stat()
    if what == "rewrite":
        path.write_bytes(content)
    elif what == "rewrite in place, times put back":
        with open(path, "r+b") as file:
            file.write(content[: before.st_size].ljust(before.st_size, b"."))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif what == "replace":
        other = path.with_name("other")
        other.write_bytes(content)
        os.replace(other, path)
    elif what == "remove":
        path.unlink()
    elif what == "link":
        other = path.with_name(path.name + "-link")
        other.unlink(missing_ok=True)
        other.hardlink_to(path)
    else:
        path.touch()


@settings(max_examples=25)
@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS), min_size=1),
    st.lists(
        st.tuples(
            st.sampled_from(ALGORITHMS),
            st.booleans(),
            st.dictionaries(
                st.sampled_from(NAMES), st.tuples(st.sampled_from(CHANGES), st.sampled_from(CONTENTS)), max_size=2
            ),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_a_cache_changes_no_result(
    tmp_path_factory: pytest.TempPathFactory,
    listed: Path,
    files: dict[str, bytes],
    runs: list[tuple[dict[str, list[str]], bool, dict[str, tuple[str, bytes]]]],
) -> None:
    base = tmp_path_factory.getbasetemp()
    if not trusted(base):
        pytest.skip("no cache is used on this filesystem")
    with tempfile.TemporaryDirectory(dir=base) as folder:
        tree, cache = Path(folder) / "tree", Path(folder) / "cache.db"
        for name, content in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes(content)
        for algorithms, with_list, changes in runs:
            lists = [listed] if with_list else []
            for verify_percent in (0.0, 0.0, 50.0):
                cached = scan(tree, cache, lists=lists, verify_percent=verify_percent, **algorithms)  # type: ignore[arg-type] # forwards keywords
                assert cached.found == scan(tree, None, lists=lists, **algorithms).found  # type: ignore[arg-type] # as above
                assert (cached.warnings, cached.damaged) == ([], 0)
            # The short way, which gives results of findings and faults alone.
            short = scan(tree, cache, lists=lists, unreported=True, **algorithms)  # type: ignore[arg-type] # as above
            assert short.found == scan(tree, None, lists=lists, unreported=True, **algorithms).found  # type: ignore[arg-type] # as above
            for name, (what, content) in changes.items():
                if (tree / name).exists():
                    change(tree / name, what, content)
