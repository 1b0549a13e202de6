import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.syntax import xml_values
from hashaudit.lists.syntax.xml_values import local_name, records, root_name


def found(content: bytes, root: str = "r", *names: str) -> list[tuple[int, str, str | None]]:
    wanted = frozenset(names or ("a",))
    return [
        (number, local_name(element), element.text) for number, element in records(io.BytesIO(content), root, wanted)
    ]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"<r>", "r"),
        (b'<?xml version="1.0"?>\n<!-- <x> -->\n <p:r xmlns:p="u">', "r"),
        (b"\n<r-s/>", "r-s"),
        (b"text <r>", None),
        (b"<!DOCTYPE r><r>", None),
        (b"", None),
    ],
)
def test_root_name(head: bytes, name: str | None) -> None:
    assert root_name(head) == name


def test_records_of_several_documents() -> None:
    content = b'<r><a>1</a><x><a>2</a></x></r >\n<?xml version="1.0"?><p:r xmlns:p="u"><p:a>3</p:a></p:r>\n'
    assert found(content) == [(1, "a", "1"), (2, "a", "2"), (3, "a", "3")]


@pytest.mark.parametrize("read_bytes", [1, 2, 3, 7])
def test_the_size_of_reads_does_not_matter(monkeypatch: pytest.MonkeyPatch, read_bytes: int) -> None:
    monkeypatch.setattr(xml_values, "_READ_BYTES", read_bytes)
    monkeypatch.setattr(xml_values, "_LONGEST_END_TAG_BYTES", 8)
    assert found(b"<r><a>1</a></r>" * 3) == [(1, "a", "1"), (2, "a", "1"), (3, "a", "1")]


def test_a_document_that_was_utf16_may_still_say_so() -> None:
    assert found('<?xml version="1.0" encoding="UTF-16"?><r><a>ä</a></r>'.encode()) == [(1, "a", "ä")]
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><r><a>ä</a></r>'.encode("latin-1")
    assert found(latin) == [(1, "a", "ä")]


BOMB = b'<!DOCTYPE r [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><r><a>&b;</a></r>'
EXTERNAL = b'<!DOCTYPE r SYSTEM "file:///etc/hostname"><r><a>1</a></r>'


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0" encoding="nonsense"?><r><a>1</a></r>',
        b"<r><a>1</a>",
        b"<r><a>1</a></r><r>",
        b"<r><a>1</r>",
        b"<r><a>1</a></r>x",
        b"<r>&x;</r>",
        BOMB,
        EXTERNAL,
        b"<r>\xff</r>",
    ],
)
def test_incomplete_xml_or_a_document_type_is_refused(content: bytes) -> None:
    with pytest.raises(ListError, match=r"record [0-9]+: the XML text is damaged or truncated"):
        found(content)


def test_a_document_with_another_root_is_refused() -> None:
    with pytest.raises(ListError, match="outermost element is not r"):
        found(b"<r><a>1</a></r><s><r></r></s>")


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_values, "MAX_RECORD_BYTES", 200_000)
    many = b"<r><x>" + b"<a>1</a>" * 100_000 + b"</x></r>"
    assert len(found(many)) == 100_000
    with pytest.raises(ListError, match="larger than 0 MiB"):
        found(b"<r><a>" + b"x" * 500_000 + b"</a></r>")
    with pytest.raises(ListError, match="larger than 0 MiB"):
        found(b"<r>" + b"<x/>" * 100_000 + b"</r>")


@given(st.binary() | st.text(alphabet="<>/ra \n&;!-?x=\"'").map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    root_name(content)
    with contextlib.suppress(ListError):
        assert all(name == "a" for _, name, _ in found(content))
