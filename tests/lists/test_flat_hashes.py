import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.flat_hashes import any_flat, is_flat
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName

PDQ, PHASH, COLOUR, DB4, SHA256 = map(AlgorithmName, ("pdq", "phash", "colorhash", "whash_db4", "sha256"))
ORDINARY = bytes(range(1, 33))
MD5 = "0cc175b9c0f1b6a831c399e269772661"


@pytest.mark.parametrize(
    ("algorithm", "value", "expected"),
    [
        (PDQ, "00" * 32, True), (PDQ, "80" + "00" * 31, True), (PDQ, "ff" * 32, True),
        (PDQ, "40" + "00" * 31, False), (PDQ, "00" * 31 + "01", False), (PDQ, "ff" * 31 + "fe", False),
        (PHASH, "8" + "0" * 15, True), (PHASH, "0" * 16, True), (PHASH, "8" + "0" * 14 + "1", False),
        # Unused bits come before the others.
        (DB4, "08" + "00" * 24, True), (DB4, "0f" + "ff" * 24, True), (DB4, "80" + "00" * 24, False),
        # A colour hash of a grey image: nothing except its darkness.
        (COLOUR, "03f000000000", True), (COLOUR, "03f000000001", False),
        # Digests are random, even those that look flat.
        (SHA256, "ff" * 32, False),
    ],
)  # fmt: skip
def test_flat_hashes_are_detected_alone_and_among_others(algorithm: AlgorithmName, value: str, expected: bool) -> None:
    raw, other = bytes.fromhex(value), ORDINARY[: LENGTHS_BYTES[algorithm]]
    assert is_flat(algorithm, raw) is expected
    assert any_flat(algorithm, raw) is expected
    assert any_flat(algorithm, other * 2 + raw + other) is expected
    assert not any_flat(algorithm, other * 3)


Read = Callable[..., Any]


def test_flat_lines_of_a_plain_list_are_counted_and_rejected(read: Read) -> None:
    lines = ["f" * 64, ORDINARY.hex(), "8" + "0" * 63, ORDINARY[::-1].hex(), "0" * 64]
    result = read("\n".join(lines).encode(), ParseOptions(algorithm=PDQ))
    assert result.hashes == [{"pdq": lines[1]}, {"pdq": lines[3]}]
    assert result.ids == ["line 2", "line 4"]
    assert result.rejects == [(1, "flat"), (3, "flat"), (5, "flat")]


def test_flat_hash_leaves_the_others_of_its_record(read: Read) -> None:
    table = f"md5,pdq,name\n{MD5},{'f' * 64},a\n,{'f' * 64},b\n{MD5},{ORDINARY.hex()},c"
    result = read(table.encode())
    assert result.hashes == [{"md5": MD5}, {"md5": MD5, "pdq": ORDINARY.hex()}]
    assert [entry.unsupported for entry in result.entries] == [{"pdq": "f" * 64}, {}]
    assert result.rejects == [(3, "flat")]


def test_lists_without_perceptual_hashes_import_no_table() -> None:
    script = (
        "import io, sys; from hashaudit.lists.open_list import open_stream;"
        "from hashaudit.lists.interface import ParseOptions;"
        f"items = list(open_stream(io.BytesIO(b'{MD5}\\n'), ParseOptions()).items); assert items;"
        "sys.exit('hashaudit.content.perceptual.perceptual_registry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
