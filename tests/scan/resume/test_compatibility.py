"""What of two headers is compared before a scan is resumed or shards are merged."""

from typing import Any

import msgspec
import pytest

from hashaudit.record.header import Root, RootType
from hashaudit.scan.resume.compatibility import root_differences

DISK = Root(path="/data", type=RootType.DIRECTORY, filesystem="ext4", mount_source="/dev/a", device="2049", inode="5")
BUCKET = Root(path="s3://b/", type=RootType.BUCKET)


class Header(msgspec.Struct):
    """The fields of a header that the comparison reads."""

    roots: tuple[Root, ...]
    host: str = "one"


def differences(before: Root, now: Root, host: str = "one") -> tuple[str, ...]:
    old: Any = Header((before,))
    new: Any = Header((now,), host)
    return root_differences(old, new)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (BUCKET, {"mount_source": "https://other.example"}),
        (msgspec.structs.replace(BUCKET, mount_source="https://other.example"), {"mount_source": None}),
        (msgspec.structs.replace(BUCKET, mount_source="https://a"), {"mount_source": "https://b"}),
        (BUCKET, {"type": RootType.DIRECTORY}),
        (DISK, {"mount_source": "/dev/b"}),
        (DISK, {"filesystem": "tmpfs"}),
        (DISK, {"inode": "6"}),
        (DISK, {"device": "2050"}),
        (DISK, {"type": RootType.BUCKET}),
    ],
)
@pytest.mark.parametrize("host", ["one", "two"])
def test_other_storage_is_a_difference(before: Root, now: dict[str, Any], host: str) -> None:
    (text,) = differences(before, msgspec.structs.replace(before, **now), host)
    assert text.startswith(f"ROOT '{before.path}': ")


@pytest.mark.parametrize("root", [DISK, BUCKET, msgspec.structs.replace(BUCKET, mount_source="https://a")])
def test_the_same_storage_is_none(root: Root) -> None:
    assert differences(root, root) == ()
