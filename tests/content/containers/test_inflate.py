"""Decompression of streams in memory, with the fast library and without it."""

import zlib

import pytest

from hashaudit.content.containers import inflate

CONTENT = bytes(range(256)) * 200
PACKED = zlib.compress(CONTENT)


@pytest.mark.parametrize("has_library", [True, False])
def test_only_whole_streams_with_a_right_checksum_are_unpacked(
    monkeypatch: pytest.MonkeyPatch, *, has_library: bool
) -> None:
    if has_library:
        assert inflate._fast is not None, "the extra is installed for tests"
    else:
        monkeypatch.setattr(inflate, "_fast", None)
    size = len(CONTENT)
    assert inflate.inflated(PACKED, size) == CONTENT
    assert inflate.inflated(PACKED + b"behind it", size) == CONTENT
    wrong = PACKED[:-1] + bytes([PACKED[-1] ^ 1])
    for data, most in ((PACKED, size - 1), (wrong, size), (PACKED[:-1], size), (PACKED[:50], size), (b"", size)):
        assert inflate.inflated(data, most) is None
