from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hashaudit.errors import ListError

MD5, SHA1 = "a1" * 16, "a1" * 20
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
NAMESPACE = 'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"'


def entry(
    identity: str, *, time: str = "2020-01-01T00:00:00Z", prints: str = f"<md5>{MD5}</md5>", kind: str = "image"
) -> str:
    return (
        f'<{kind}><member id="42">M</member><timestamp>{time}</timestamp><id>{identity}</id>'
        f"<fingerprints>{prints}</fingerprints></{kind}>"
    )


def gone(identity: str, time: str, kind: str = "deletedImage") -> str:
    return f'<{kind}><member id="42">M</member><id>{identity}</id><timestamp>{time}</timestamp></{kind}>'


def page(*entries: str) -> bytes:
    return f'<?xml version="1.0"?>\n<queryResult {NAMESPACE}><images>{"".join(entries)}</images></queryResult>'.encode()


def test_sample(read_path: Callable[..., Any], samples: Path) -> None:
    result = read_path(samples / "ncmec_hashsharing_entries.xml")
    assert (result.format, result.strict, result.ids) == ("ncmec", False, ["image1", "video1"])
    assert result.hashes == [{"md5": MD5, "sha1": SHA1}, {"md5": "b1" * 16, "sha1": "b1" * 20}]
    assert result.labels == [
        {
            "classification": "A1",
            "classification_scheme": "ncmec",
            "media_type": "image",
            "source": "Example Member",
            "affirmative_feedback": "md5 1",
            "negative_feedback": "sha1 1",
            "negative_feedback_reasons": "Example Reason 1",
        },
        {"media_type": "video", "source": "Example Member"},
    ]
    assert list(result.entries[0].unsupported) == ["pdna"]
    assert result.rejects == [(2, "withdrawn"), (4, "withdrawn")]


def test_a_later_page_withdraws_an_entry_of_an_earlier_one(read: Callable[..., Any]) -> None:
    pages = page(entry("1"), entry("2")) + b"\n" + page(gone("1", "2021-01-01T00:00:00Z"))
    result = read(pages)
    assert result.ids == ["2"]
    assert sorted(result.rejects) == [(1, "duplicate"), (3, "withdrawn")]


def test_the_latest_time_counts_and_not_the_order(read: Callable[..., Any]) -> None:
    result = read(page(gone("1", "2021-01-01T00:00:00Z")) + page(entry("1", time="2020-01-01T00:00:00Z")))
    assert result.entries == []
    again = read(page(gone("1", "2021-01-01T00:00:00Z")) + page(entry("1", time="2022-01-01T00:00:00Z")))
    assert again.ids == ["1"]


def test_feedback_is_counted_by_fingerprint(read: Callable[..., Any]) -> None:
    members = '<members><member id="1">A</member><member id="2">B</member></members>'
    votes = f'<other/><affirmativeFeedback type="Sha1">{members}</affirmativeFeedback>'
    votes += f'<affirmativeFeedback type="Md5">{members}</affirmativeFeedback>'
    content = page(entry("1").replace("</fingerprints>", f"</fingerprints><feedback>{votes}</feedback>"))
    assert read(content).labels == [{"media_type": "image", "source": "M", "affirmative_feedback": "md5 2, sha1 2"}]


def test_the_same_id_of_another_member_is_another_entry(read: Callable[..., Any]) -> None:
    other = entry("1").replace('"42"', '"43"')
    assert read(page(entry("1"), other)).ids == ["1", "1"]


def test_fingerprints_of_every_type_are_accepted(read: Callable[..., Any]) -> None:
    prints = f"<md5>{MD5.upper()}</md5><pdq>{'ab' * 32}</pdq><netclean>N</netclean>"
    prints += '<tmk-pdqf rel="self" href="/x"/><new>V</new>'
    result = read(page(entry("1", prints=prints)))
    assert result.hashes == [{"md5": MD5, "pdq": "ab" * 32}]
    assert result.entries[0].unsupported == {"netclean": "N", "tmk-pdqf": "/x", "new": "V"}


@pytest.mark.parametrize(
    ("prints", "reason"),
    [
        ("", "unsupported"),
        ("<md5></md5>", "unsupported"),
        ("<md5>hello</md5>", "malformed"),
        (f"<md5>{SHA1}</md5>", "wrong_length"),
        (f"<md5>{EMPTY_MD5}</md5><sha1>{SHA1}</sha1>", "empty_input"),
        ("<pdna>x</pdna>", "unsupported"),
    ],
)
def test_rejects(read: Callable[..., Any], prints: str, reason: str) -> None:
    result = read(page(entry("1"), entry("2", prints=prints)))
    assert (result.ids, result.rejects) == (["1"], [(2, reason)])


@pytest.mark.parametrize("keep", [-1, -15, 200, 60])
def test_a_truncated_page_is_refused(read: Callable[..., Any], keep: int) -> None:
    with pytest.raises(ListError, match="damaged or truncated"):
        read(page(entry("1")) + page(entry("2"))[:keep])
