from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName
from property_examples import examples

SECRET = "5ec2e7" * 8
MD5 = "b1946ac92492d2347c6235b4d2611184"
SAMPLES = sorted(
    path.read_bytes() for path in (Path(__file__).parents[1] / "data" / "lists").iterdir() if path.suffix != ".md"
)


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\0"])
def test_an_empty_list_is_refused(read: Callable[..., Any], content: bytes) -> None:
    with pytest.raises(ListError, match="empty"):
        read(content)


@pytest.mark.parametrize(
    "content",
    [b"hello\n", b"%PDF-1.7\n", bytes(100), b"\x89PNG\r\n\x1a\n", b"# only\n# comments\n", b"\xff\xfe\0\0a\0\0\0"],
)
def test_a_file_of_unknown_format_is_refused_with_the_supported_ones(read: Callable[..., Any], content: bytes) -> None:
    with pytest.raises(ListError, match="unrecognised list format") as raised:
        read(content)
    assert "supported formats: plain hashes" in (raised.value.hint or "")


def test_the_name_of_a_file_says_nothing(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"{MD5}\n")
    assert read_path(path).format == "plain"


@pytest.mark.parametrize(
    "content",
    [
        f"{MD5}\n{SECRET}",
        f"{MD5}\n{SECRET}\n",
        f"md5,name\n{SECRET}",
        SECRET,
        f'md5\n"{SECRET}',
        f"MD5 (x) = {SECRET}\n",
    ],
)
def test_messages_never_repeat_a_line(read: Callable[..., Any], content: str) -> None:
    try:
        reported = read(content.encode()).details
    except ListError as error:
        reported = [str(error)]
    assert reported
    assert "5ec2" not in "".join(reported)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sample with some bytes taken out and others put in."""
    sample = draw(st.sampled_from(SAMPLES))
    start = draw(st.integers(0, len(sample)))
    end = draw(st.integers(start, min(len(sample), start + 40)))
    return sample[:start] + draw(st.binary(max_size=20)) + (b"" if draw(st.booleans()) else sample[end:])


@given(st.binary() | damaged(), st.sampled_from([None, "md5", "sha256", "pdq"]))
@settings(max_examples=examples(100))
def test_no_input_does_anything_but_read_or_refuse(
    read: Callable[..., Any], content: bytes, stated: str | None
) -> None:
    try:
        result = read(content, ParseOptions(algorithm=AlgorithmName(stated) if stated else None))
    except ListError:
        return
    for entry in result.entries:
        assert entry.digests
        assert all(len(raw) == LENGTHS_BYTES[name] for name, raw in entry.digests.items())
