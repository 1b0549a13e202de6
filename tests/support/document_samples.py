"""Mail, documents and a database that hold given contents, for trials of their readers."""

import io
import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Mapping
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import pikepdf

from compound_file import blip, compound_file, native
from hashaudit.model.containers import ContainerKind


def message(contents: Mapping[str, bytes]) -> bytes:
    """Returns a message with a text, a nested message, and attachments of three encodings."""
    made = EmailMessage()
    made["From"], made["To"], made["Date"] = "a@example.org", "b@example.org", "Thu, 26 Nov 2026 02:00:00 +0000"
    made.set_content("text\nbegin 644 u\n#86)C\n`\nend\n")
    for number, (name, content) in enumerate(contents.items()):
        encoding = "quoted-printable" if number % 2 else "base64"
        made.add_attachment(content, maintype="image", subtype="x", filename=name, cte=encoding)
    inner = EmailMessage()
    inner.add_attachment(b"inner" * 50, maintype="image", subtype="x", filename="inner")
    made.add_attachment(inner)
    return made.as_bytes()


def pdf(contents: Mapping[str, bytes], *, has_object_streams: bool, secret: pikepdf.Encryption | bool = False) -> bytes:
    """Returns a document with embedded files and images."""
    made = pikepdf.new()
    made.add_blank_page()
    for number, (name, content) in enumerate(contents.items()):
        made.attachments[name] = content
        stream = pikepdf.Stream(made, content, Filter=pikepdf.Name.DCTDecode)
        made.Root[f"/P{number}"] = made.make_indirect(stream)
    target = io.BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if has_object_streams else pikepdf.ObjectStreamMode.disable
    made.save(target, object_stream_mode=mode, encryption=secret)
    return target.getvalue()


def documents_with_images(contents: Mapping[str, bytes]) -> list[tuple[ContainerKind, bytes]]:
    """Returns encrypted documents, and one with images that are no files by themselves."""
    old = pikepdf.Encryption(owner="word", R=3, aes=False, metadata=False)
    new = pikepdf.Encryption(user="word", owner="o")
    made = pikepdf.new()
    made.add_blank_page()
    name, size = pikepdf.Name, {"Subtype": pikepdf.Name.Image, "Width": 10, "Height": 10, "BitsPerComponent": 8}
    table = made.make_indirect(pikepdf.Stream(made, bytes(range(30))))
    rows = pikepdf.Dictionary(Predictor=15, Colors=3, BitsPerComponent=8, Columns=10)
    fax: dict[str, object] = {"Filter": name.CCITTFaxDecode, "DecodeParms": pikepdf.Dictionary(K=-1)}
    images: list[tuple[bytes, dict[str, object]]] = [
        (bytes(range(10)) * 10, {"ColorSpace": pikepdf.Array([name.Indexed, name.DeviceRGB, 9, table])}),
        (zlib.compress(bytes(310)), {"ColorSpace": name.DeviceRGB, "Filter": name.FlateDecode, "DecodeParms": rows}),
        (b"\x26\xa0", fax),
    ]
    made.Root.Images = pikepdf.Array(
        made.make_indirect(pikepdf.Stream(made, data, **size | how)) for data, how in images
    )
    target = io.BytesIO()
    made.save(target, compress_streams=False)
    return [
        (ContainerKind.PDF, target.getvalue()),
        *((ContainerKind.PDF, pdf(contents, has_object_streams=True, secret=lock)) for lock in (old, new)),
    ]


def ole(contents: Mapping[str, bytes], *, shift: int = 9) -> bytes:
    """Returns a compound file with streams, attachments, packaged files, images and thumbnails."""
    streams = {f"d/{name}": content for name, content in contents.items()}
    for number, (name, content) in enumerate(contents.items()):
        storage = f"__attach_version1.0_#{number:08X}/__substg1.0_"
        streams |= {storage + "3707001F": name.encode("utf-16-le"), storage + "37010102": content}
        streams[f"p{number}/\x01Ole10Native"] = native(name.encode(), content)
    drawing = b"".join(map(blip, contents.values()))
    streams["Pictures"] = drawing
    streams["Workbook"] = struct.pack("<HHI", 0x809, 4, 0) + b"".join(
        struct.pack("<HH", 0x3C if at else 0xEB, len(drawing[at : at + 900])) + drawing[at : at + 900]
        for at in range(0, len(drawing), 900)
    )
    packed = zlib.compress(compound_file(streams))
    streams["PowerPoint Document"] = struct.pack("<HHII", 0x10, 0x1011, len(packed) + 4, 0) + packed
    streams["Catalog"] = struct.pack("<HHIII", 16, 7, 0, 0, 0)
    return compound_file(streams, shift=shift)


def database(contents: Mapping[str, bytes], page_bytes: int) -> bytes:
    """Returns a database with the contents as blobs of tables with and without rowid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA page_size={page_bytes}")
            connection.execute("CREATE TABLE t (a, b BLOB)")
            connection.execute("CREATE TABLE w (k PRIMARY KEY, b BLOB) WITHOUT ROWID")
            for name, content in contents.items():
                connection.execute("INSERT INTO t VALUES (?, ?)", (name, content))
                connection.execute("INSERT INTO w VALUES (?, ?)", (name, content))
            connection.commit()
        return path.read_bytes()


def documents(contents: Mapping[str, bytes]) -> list[tuple[ContainerKind, bytes]]:
    """Returns one or more files of each kind."""
    mail = message(contents)
    line = b"From a@example.org Thu Nov 26 02:00:00 2026\n"
    return [
        (ContainerKind.EML, mail),
        (ContainerKind.MBOX, line + mail + b"\n" + line + mail),
        (ContainerKind.OLE, ole(contents)),
        (ContainerKind.OLE, ole(contents, shift=12)),
        (ContainerKind.PDF, pdf(contents, has_object_streams=False)),
        (ContainerKind.PDF, pdf(contents, has_object_streams=True)),
        (ContainerKind.SQLITE, database(contents, 512)),
        (ContainerKind.SQLITE, database(contents, 4096)),
    ]
