from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.errors import ListError

MD5, SHA1 = "B1946AC92492D2347C6235B4D2611184", "f572d396fae9206628714fb2ce00f72e94f2258f"
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"


def item(search: str, content: str, attributes: str = 'condition="is"') -> str:
    return (
        f'<IndicatorItem id="i-{search[-4:]}" {attributes}><Context document="FileItem" search="{search}" type="mir"/>'
        f'<Content type="md5">{content}</Content></IndicatorItem>'
    )


def ioc(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="us-ascii"?>\n'
        '<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="x"><short_description>Group</short_description>'
        f"<definition>{body}</definition></ioc>"
    ).encode()


def ioc11(body: str) -> bytes:
    return (
        '<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="x"><metadata><short_description>Group'
        f"</short_description></metadata><criteria>{body}</criteria></OpenIOC>"
    ).encode()


@pytest.mark.parametrize("wrap", [ioc, ioc11])
def test_hashes_under_or(read: Callable[..., Any], wrap: Callable[[str], bytes]) -> None:
    inner = '<Indicator operator="OR">' + item("FileItem/Sha1sum", SHA1) + "</Indicator>"
    result = read(wrap('<Indicator operator="OR">' + item("FileItem/Md5Sum", MD5) + inner + "</Indicator>"))
    assert (result.format, result.strict) == ("openioc", False)
    assert result.hashes == [{"md5": MD5.lower()}, {"sha1": SHA1}]
    assert result.ids == ["i-5Sum", "i-1sum"]
    assert result.labels == [{"name": "Group"}] * 2
    assert result.rejects == []


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        ('<Indicator operator="AND">' + item("FileItem/Md5sum", MD5) + "</Indicator>", "unsupported"),
        (
            '<Indicator operator="AND"><Indicator operator="OR">'
            + item("FileItem/Md5sum", MD5)
            + "</Indicator></Indicator>",
            "unsupported",
        ),
        ("<Indicator>" + item("FileItem/Md5sum", MD5) + "</Indicator>", "unsupported"),
        (item("FileItem/Md5sum", MD5, 'condition="is" negate="true"'), "unsupported"),
        (item("FileItem/Md5sum", MD5, 'condition="contains"'), "unsupported"),
        (item("FileItem/Md5sum", MD5, ""), "unsupported"),
        (item("FileItem/FileName", "a.exe"), "unsupported"),
        ("<IndicatorItem condition='is'/>", "unsupported"),
        (item("FileItem/Md5sum", "hello"), "malformed"),
        (item("FileItem/Md5sum", ""), "unsupported"),
        (item("FileItem/Md5sum", SHA1), "wrong_length"),
        (item("FileItem/Md5sum", EMPTY_MD5), "empty_input"),
    ],
)
def test_rejects(read: Callable[..., Any], one: str, reason: str) -> None:
    result = read(ioc11(f'<Indicator operator="OR">{item("FileItem/Sha1sum", SHA1)}{one}</Indicator>'))
    assert (result.hashes, result.rejects) == ([{"sha1": SHA1}], [(2, reason)])


def test_a_truncated_file_is_refused(read: Callable[..., Any]) -> None:
    whole = ioc(item("FileItem/Md5sum", MD5))
    for keep in (-1, -20, 200):
        with pytest.raises(ListError, match="damaged or truncated"):
            read(whole[:keep])
