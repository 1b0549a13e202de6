"""Messages of every encoding, nested and broken, against the standard library and against what was put into them."""

import base64
import binascii
import email
import random
from email.message import EmailMessage
from pathlib import Path

import pytest

from hashaudit.content.containers.first_bytes import sniff
from hashaudit.content.containers.mail_headers import parse_header
from hashaudit.content.containers.mail_reader import read_mail
from hashaudit.content.containers.mbox_reader import read_mbox
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, names, sha256
from reader_lab import damaged, read

DATA = random.Random(5).randbytes(3000) + b"\r\nFrom \n.\n--\n"
TOP = b"From: a@example.org\r\nTo: b@example.org\r\nDate: Thu, 26 Nov 2026 02:00:00 +0000\r\nMIME-Version: 1.0\r\n"


def message(attachment: bytes = DATA, encoding: str = "base64") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.org", "b@example.org", "x"
    made["Date"] = "Thu, 26 Nov 2026 02:00:00 +0000"
    made.set_content("Hällo\nworld\n")
    made.add_alternative("<p>hi</p>\n", subtype="html")
    made.add_attachment(attachment, maintype="image", subtype="jpeg", filename="ä b.jpg", cte=encoding)
    return made


def part(header: bytes, body: bytes, boundary: bytes = b"b", end: bytes = b"\r\n--b--\r\n") -> bytes:
    field = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n--%s\r\n' % (boundary, boundary)
    return TOP + field + header + b"\r\n\r\n" + body + end


def uuencoded(data: bytes, name: bytes = b"x.bin") -> bytes:
    lines = b"".join(binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 " + name + b"\n" + lines + b"`\nend\n"


def yenc(data: bytes, crc: int | None = None) -> bytes:
    escaped = b"".join(
        b"=%c" % ((value + 64) % 256) if value in b"\0\n\r=" else b"%c" % value
        for value in ((byte + 42) % 256 for byte in data)
    )
    size = len(data)
    crc = binascii.crc32(data) if crc is None else crc
    return b"=ybegin line=128 size=%d name=a b.bin\r\n%s\r\n=yend size=%d crc32=%08x\r\n" % (size, escaped, size, crc)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_parts_are_those_of_the_standard_library(encoding: str) -> None:
    made = message(encoding=encoding)
    inner = message(b"in" * 500)
    made.add_attachment(inner)
    found = read(read_mail, made.as_bytes())
    assert found.faults == []
    leaves = [item for item in made.walk() if not item.is_multipart()]
    expected = {item.get_payload(decode=True).rstrip(b"\n") for item in leaves[:3]}  # type: ignore[union-attr]
    assert expected <= {content.rstrip(b"\n") for content in found.contents}
    assert found.names == [b"1.1", b"1.2", "ä b.jpg".encode(), b"3"]
    assert DATA in found.contents, "exact, with the line end that is part of it"


def test_nested_messages_are_opened_with_exact_chains(tmp_path: Path) -> None:
    made = message()
    inner = EmailMessage()
    inner["Subject"] = "too little for its kind to show"
    inner.add_attachment(b"inner" * 100, maintype="image", subtype="png", filename="i.png")
    made.add_attachment(inner)
    path = tmp_path / "m"
    path.write_bytes(made.as_bytes())
    found = examine(path)
    assert found.codes == []
    assert found.digests["ä b.jpg".encode(),] == sha256(DATA)
    assert found.digests[b"3", b"i.png"] == sha256(b"inner" * 100)
    [chain] = [member.within for member in found.members if names(member) == (b"3", b"i.png")]
    assert [(step.format, step.ordinal) for step in chain] == [("eml", 3), ("eml", 0)]


ENCODED = {
    b"base64": base64.encodebytes(DATA),
    b"BASE64 ": base64.b64encode(DATA),
    b"quoted-printable": b"= \t\r\n".join(b"=%02X" % byte for byte in DATA),
    b"binary": DATA.replace(b"\n--\n", b""),
    b'"base64"; x': base64.encodebytes(DATA).replace(b"\n", b" \r\n \r\n"),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding_gives_the_exact_bytes(encoding: bytes) -> None:
    header = b"Content-Type: application/x; name=a.bin\r\nContent-Transfer-Encoding: " + encoding
    found = read(read_mail, part(header, ENCODED[encoding]))
    wanted = DATA if encoding != b"binary" else ENCODED[encoding]
    assert (found.members, found.faults) == ([(b"a.bin", wanted)], [])


@pytest.mark.parametrize("block", [uuencoded(DATA), yenc(DATA)])
@pytest.mark.parametrize(
    "around", [b"%s", b"Hello,\nbegin 600 new projects\nbye.\n\n%s\nlater\n", b"x" * 262_100 + b"\n%s"]
)
def test_blocks_in_texts_are_members(block: bytes, around: bytes) -> None:
    text = around.replace(b"%s", block)
    for data in (part(b"Content-Type: text/plain", text), TOP + b"\r\n" + text):
        found = read(read_mail, data)
        assert found.faults == []
        assert DATA in found.contents
        assert len(found.members) == 2
    several = read(read_mail, TOP + b"\r\n" + text + b"\n" + uuencoded(b"second", b"s") + b"\n" + text)
    assert [content for _, content in several.members[1:]] == [DATA, b"second", DATA]


def test_damaged_blocks_are_faults() -> None:
    for text in (uuencoded(DATA)[:-5], uuencoded(DATA)[:2000], yenc(DATA, 1), yenc(DATA)[:-40], yenc(DATA) * 0 + b""):
        found = read(read_mail, TOP + b"\r\n" + text)
        assert DATA not in found.contents
        assert found.faults == (["damaged"] if text else [])


BROKEN: dict[str, tuple[bytes, list[str], bool]] = {
    "no end": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA), end=b""), ["damaged"], True),
    "boundary missing": (TOP + b"Content-Type: multipart/mixed\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                         + base64.encodebytes(DATA) + b"--b--\r\n", ["damaged"], True),
    "other boundary": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA)).replace(b'"b"', b'"c"'),
                       ["damaged"], True),
    "text instead of multipart": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA))
                                  .replace(b"multipart/mixed", b"text/plain"), [], True),
    "no empty line": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA))
                      .replace(b"\r\n\r\n--b", b"\r\n--b", 1), [], True),
    "junk in the header": (TOP + b"junk\r\n" + part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA)),
                           [], True),
    "behind the end": (part(b"", b"x") + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                       + base64.encodebytes(DATA) + b"--b--\n", [], True),
    "spaces behind boundaries": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA))
                                 .replace(b"--b\r\n", b"--b \t\r\n"), [], True),
    "two boundaries": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA))
                       .replace(b"Content-T", b"Content-Type: multipart/mixed; boundary=z\r\nContent-T", 1), [], True),
    "no semicolon": (part(b"Content-Transfer-Encoding: base64", base64.encodebytes(DATA))
                     .replace(b"mixed; ", b"mixed\r\n\t"), [], True),
    "no padding": (part(b"Content-Transfer-Encoding: base64", base64.b64encode(DATA).rstrip(b"=")), [], True),
    "odd characters": (part(b"Content-Transfer-Encoding: base64", b"!" + base64.b64encode(DATA)), ["damaged"], False),
    "two encodings": (part(b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit",
                           base64.b64encode(DATA)), ["damaged"], False),
    "unknown encoding": (part(b"Content-Transfer-Encoding: x-own", DATA), ["unsupported"], False),
    "footer": (part(b"Content-Transfer-Encoding: base64", base64.b64encode(DATA + b"y" * (4 - len(DATA) % 3))
                    + b"\r\n-- \r\na list's footer!\r\n"), ["trailing_data"], False),
    "signed": (part(b"Content-Type: application/pkcs7-mime; smime-type=signed-data", b"x"), ["unsupported"], False),
    "encrypted": (part(b"Content-Type: application/pkcs7-mime", b"x"), ["encrypted"], False),
    "fragment": (part(b"Content-Type: message/partial; number=1; total=2; id=x", b"x"), ["incomplete"], False),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_messages_lose_nothing_in_silence(case: str) -> None:
    data, faults, holds = BROKEN[case]
    found = read(read_mail, data)
    assert (found.faults, DATA in found.contents) == (faults, holds)


def test_digests_stand_beside_faults_of_whole_contents(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(part(b"Content-Type: application/pkcs7-mime; name=smime.p7m", b"enveloped"))
    found = examine(path)
    assert (found.digests[b"smime.p7m",], found.codes) == (sha256(b"enveloped"), ["encrypted"])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Content-Disposition: attachment; filename*=utf-8''%C3%A4%20b.jpg", "ä b.jpg"),
        (b"Content-Disposition: a; filename*0*=iso-8859-1''%E4; filename*1=\" b\"; filename*2*=%2Ejpg", "ä b.jpg"),
        (b'Content-Type: image/jpeg; name="=?utf-8?B?w6QgYi5qcGc=?="', "ä b.jpg"),
        (b'Content-Type: image/jpeg;\r\n name="=?iso-8859-1?Q?=E4_?=\r\n =?koi8-r?Q?b=2Ejpg?="', "ä b.jpg"),
        (b'content-disposition : inline; FILENAME = "a\\"b.jpg"', 'a"b.jpg'),
        (b"Content-Disposition: attachment; filename=a b.jpg; size=3", "a b.jpg"),
        (b'Content-Disposition: attachment; filename="../x;y.jpg', "../x;y.jpg"),
        (b"Content-Disposition: =?utf-8?b?YXR0YWNobWVudDsgZmlsZW5hbWU9IsOkIMO8LmpwZyI=?=", "ä ü.jpg"),
        (b"Content-Disposition: attachment", ""),
    ],
)  # fmt: skip
def test_names_of_attachments(header: bytes, name: str) -> None:
    assert parse_header(header + b"\r\n").name == name.encode()


def test_names_in_unknown_charsets_keep_their_bytes() -> None:
    assert parse_header(b'Content-Type: a/b; name="=?x-none?Q?=FFa?="\n').name == b"\xffa"
    assert parse_header(b"Content-Type: a/b; name*=utf-8''%FFa\n").name == b"\xffa"


def test_mailboxes_give_each_message(tmp_path: Path) -> None:
    first = message(b"one" * 2000).as_bytes()
    plain = b"Subject: x\n\nFrom here to there, 10 km.\n>From quoted\nFrom 12:30 on we eat.\n"
    last = message(b"last" * 9).as_bytes()
    line = b"From a@example.org Thu Nov 26 02:00:00 2026\n"
    path = tmp_path / "m"
    path.write_bytes(line + first + b"\n" + line + plain + b"\n" + b"From nobody\n" + last)
    assert [content for _, content in read(read_mbox, path.read_bytes()).members] == [first, plain, last]
    found = examine(path)
    assert found.codes == []
    assert {sha256(b"one" * 2000), sha256(b"last" * 9)} <= found.whole()
    assert found.file.container is not None
    assert found.file.container.kind is ContainerKind.MBOX


def test_separators_are_found_wherever_a_read_ends() -> None:
    line = b"From a Thu Nov 26 02:00:00 2026\r\n"
    texts = [b"A: b\r\n\r\n" + b"x" * length + b"\r\n" for length in (1, 255_990, 256_000, 262_140, 300_000, 2_000_000)]
    texts += [b"A: b\r\n\r\n" + b"\r\n" * 150_000]
    for shift in (0, 1, 17, 4090):
        moved = [b"S: " + b"s" * shift + b"\r\n" + text for text in texts]
        found = read(read_mbox, b"".join(line + text + b"\r\n" for text in moved))
        assert [content for _, content in found.members] == moved


def test_emlx_and_odd_beginnings(tmp_path: Path) -> None:
    plain = message().as_bytes()
    path = tmp_path / "m"
    for data, more in (
        (b"%d  \n" % len(plain) + plain + b"<?xml version='1.0'?>", {b"plist"}),
        (b"\n\n" + plain, set()),
    ):
        assert sniff(data[:4096]) is ContainerKind.EML
        path.write_bytes(data)
        found = examine(path)
        assert found.codes == []
        assert sha256(DATA) in found.whole()
        assert {names(member)[0] for member in found.members} == {b"1.1", b"1.2", "ä b.jpg".encode()} | more
    assert read(read_mail, b"%d\n" % (len(plain) + 9) + plain).faults == ["damaged"]


@pytest.mark.parametrize(
    ("head", "is_mail"),
    [
        (b"List-Id: <x>\nReceived: by x\nFrom: a\nDate: b\nTo: c\n\nx", True),
        (b"From: <Saved by Blink>\nSnapshot-Content-Location: http://x\nMIME-Version: 1.0\n", False),
        (b"Subject: x\nTo: y\nFrom: z\n\n", True),
        (b"MIME-Version: 1.0\nContent-Type: multipart/related;\n boundary=x\n\n", True),
        (b"\xef\xbb\xbfFrom: a\r\nDate: b\r\nSubject: c\r\n\r\n", True),
        (b"name: value\nfrom: 2001\nto: 2002\nsteps:\n - run: x\n", False),
        (b"Format: https://x\nUpstream-Name: y\nFrom: here\n", False),
        (b"Package: x\nDate: now\nVersion: 1\n", False),
    ],
)
def test_mail_is_told_from_other_texts(head: bytes, is_mail: bool) -> None:
    assert (sniff(head) is ContainerKind.EML) is is_mail


def test_deep_and_looping_structures_end() -> None:
    levels = 300
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(levels))
    closed = b"".join(b"\n--b%d--\n" % n for n in reversed(range(levels)))
    found = read(read_mail, TOP + opened + b"\nx" + closed)
    assert set(found.faults) == {"damaged"}
    hidden = b"".join(b"--h%d\nContent-Type: text/plain\n\n" % n for n in range(50))
    assert read(read_mail, TOP + b"\n" + hidden + b"x").faults == ["damaged"]
    many = TOP + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 5_000 + b"--b--"
    assert len(read(read_mail, many).members) == 5_000


def test_damaged_messages_end_and_are_told() -> None:
    made = message()
    made.add_attachment(message(b"in" * 99))
    data = made.as_bytes() + uuencoded(DATA)
    for mutant in damaged(data, 150):
        read(read_mail, mutant)
        read(read_mbox, b"From a Thu Nov 26 02:00:00 2026\n" + mutant)
    start = data.index(b"base64")
    for end in range(start + 200, data.index(b"message/rfc822") - 200, 97):
        assert read(read_mail, data[:end]).faults, "a message that is cut off says so"
    assert email.message_from_bytes(data).get_content_type() == "multipart/mixed"


def test_a_mailbox_behind_a_byte_order_mark_has_its_first_message() -> None:
    message = b"Subject: a\n\none\n"
    for before in (b"\xef\xbb\xbf", b"\n\n"):
        mailbox = before + (b"From a Thu Nov 26 02:00:00 2026\n" + message + b"\n") * 2
        assert read(read_mbox, mailbox).contents == {message}
