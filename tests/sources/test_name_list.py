"""Names of files from a list."""

import io

import pytest

from hashaudit.errors import UsageError
from hashaudit.sources.given_names import GivenNames
from hashaudit.sources.interface import RootDescription
from hashaudit.sources.name_list import MAX_NAME_BYTES, read_names


def test_names_end_with_the_separator() -> None:
    assert list(read_names(io.BytesIO(b"a\n\nb c\nd\r\n\xff"))) == [b"a", b"b c", b"d\r", b"\xff"]
    assert list(read_names(io.BytesIO(b"a\nb\0\0c"), separator=b"\0")) == [b"a\nb", b"c"]
    assert list(read_names(io.BytesIO(b""))) == []
    many = [b"%d" % number for number in range(300_000)]
    assert list(read_names(io.BytesIO(b"\0".join(many)), separator=b"\0")) == many


@pytest.mark.parametrize("data", [b"a\0b\n", b"a\0b", b"x" * (MAX_NAME_BYTES + 1), b"x" * (3 << 20)])
def test_what_is_no_name_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        list(read_names(io.BytesIO(data)))


def test_a_file_is_named_as_its_root_is() -> None:
    roots = [
        RootDescription(given, path)
        for given, path in ((b".", b"/w"), (b"../l/", b"/x"), (b"/", b"/"), (b"f", b"/w/f"))
    ]
    names = GivenNames(roots)
    assert names.name(0, b"/w/a/b") == b"./a/b"
    assert names.name(1, b"/x/y") == b"../l/y"
    assert names.name(2, b"/etc/x") == b"/etc/x"
    assert names.name(3, b"/w/f") == b"f"
    assert GivenNames(roots, [b"", b"", b"", b"named"]).name(3, b"/w/f") == b"named"
