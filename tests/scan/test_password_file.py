"""The file of passwords: exact bytes, and no word of it in an error."""

from pathlib import Path

import pytest

from hashaudit.errors import UsageError
from hashaudit.scan.password_file import MAX_FILE_BYTES, MAX_PASSWORDS, read_passwords


@pytest.mark.parametrize(
    ("data", "passwords"),
    [
        (b"one\ntwo", (b"one", b"two")),
        (b"one\r\n\r\ntwo\r\none\n", (b"one", b"two")),
        (b"\xef\xbb\xbf w\xc3\xb6rd \n\xff\n", (b" w\xc3\xb6rd ", b"\xff")),
        (b"\n".join(b"%d" % number for number in range(MAX_PASSWORDS)), tuple(b"%d" % n for n in range(MAX_PASSWORDS))),
    ],
)
def test_each_line_is_a_password(tmp_path: Path, data: bytes, passwords: tuple[bytes, ...]) -> None:
    path = tmp_path / "words"
    path.write_bytes(data)
    assert read_passwords(str(path)) == passwords


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\n\r\n",
        b"secret\n" + b"\n".join(b"secret%d" % number for number in range(MAX_PASSWORDS)),
        b"secret" * (MAX_FILE_BYTES // 6 + 1),
    ],
)
def test_other_files_are_refused_without_a_word_of_them(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "words"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        read_passwords(str(path))
    assert "secret" not in str(refused.value) + str(refused.value.hint)
