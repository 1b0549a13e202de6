"""A listed image inside mail, documents and a database, seen from outside: the installed command finds every one."""

import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from PIL import Image

from compound_file import blip, compound_file, native
from installed import Tool, of_kind

JOBS = "1"

MakeList = Callable[..., Path]


@pytest.fixture
def image() -> bytes:
    target = io.BytesIO()
    Image.effect_noise((128, 96), 90).convert("RGB").save(target, "JPEG")
    return target.getvalue()


def message(name: str, content: bytes) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Date"] = "a@example.org", "b@example.org", "Thu, 26 Nov 2026 02:00:00 +0000"
    made.set_content("text")
    made.add_attachment(content, maintype="image", subtype="jpeg", filename=name)
    return made.as_bytes()


def document(content: bytes) -> bytes:
    made = pikepdf.new()
    made.add_blank_page()
    made.attachments["f.jpg"] = content
    made.Root.Picture = made.make_indirect(pikepdf.Stream(made, content, Filter=pikepdf.Name.DCTDecode))
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def test_a_listed_image_is_found_in_every_kind(
    hashaudit: Tool, make_list: MakeList, image: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.eml").write_bytes(message("\u00e4.jpg", image))
    line = b"From a@example.org Thu Nov 26 02:00:00 2026\n"
    (root / "b.mbox").write_bytes(b"".join(line + message("m.jpg", data) + b"\n" for data in (b"other", image)))
    (root / "c.pdf").write_bytes(document(image))
    storage = "__attach_version1.0_#00000000/__substg1.0_"
    named = {storage + "3707001F": "n.jpg".encode("utf-16-le"), storage + "37010102": image}
    streams = named | {"Pictures": blip(image), "\x01Ole10Native": native(b"o.jpg", image)}
    (root / "d.ole").write_bytes(compound_file(streams))
    with closing(sqlite3.connect(root / "e.db")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
        connection.execute("INSERT INTO t VALUES (7, ?)", (image,))
        connection.commit()
    with zipfile.ZipFile(root / "f.zip", "w") as archive:
        archive.writestr("in.eml", message("in.pdf", document(image)))
    words = ("scan", root, "--list", make_list(image), "--inside", "all", "-a", "md5,sha1,pdq")
    result = hashaudit(*words)
    assert result.code == 8, result.err
    found = of_kind(result.lines, "finding")
    chains = [
        (
            Path(one["entry"]["path"]).name,
            *((step["format"], step["name"], step["ordinal"]) for step in one["entry"]["within"]),
        )
        for one in found
    ]
    assert [chain for chain in chains if chain[0] not in {"c.pdf", "f.zip"}] == [
        ("a.eml", ("eml", "\u00e4.jpg", 1)),
        ("b.mbox", ("mbox", "2", 1), ("eml", "m.jpg", 1)),
        ("d.ole", ("ole", "n.jpg", 1)),
        ("d.ole", ("ole", "Pictures/0.jpg", 3)),
        ("d.ole", ("ole", "o.jpg", 5)),
        ("e.db", ("sqlite", "t/7/v", 0)),
    ]
    assert [chain[0] for chain in chains].count("c.pdf") == 2
    assert [chain[1:3] for chain in chains if chain[0] == "f.zip"] == [(("zip", "in.eml", 0), ("eml", "in.pdf", 1))] * 2
    for one in found:
        assert {name: one["digests"][name] for name in ("md5", "sha1", "sha256")} == {
            name: hashlib.new(name, image).hexdigest() for name in ("md5", "sha1", "sha256")
        }
        assert [value["algorithm"] for value in one["perceptual"]] == ["pdq"]
    faults = [fault["code"] for one in of_kind(result.lines, "fault") for fault in one["faults"]]
    assert faults == []
    unopened = hashaudit("scan", root, "--list", make_list(image), "--inside", "none", "-a", "md5,sha1,pdq")
    faults = [fault["code"] for one in of_kind(unopened.lines, "fault") for fault in one["faults"]]
    assert faults == ["unsupported_image"], "the images of a PDF that is not opened are not decoded"


def test_an_image_of_an_encrypted_document_is_found_and_read_again(hashaudit: Tool, tmp_path: Path) -> None:
    y, x = np.mgrid[0:120, 0:160]
    image = Image.fromarray(
        np.stack([127 + 100 * np.sin(x / 9), 127 + 100 * np.cos(y / 7), x], axis=-1).astype(np.uint8)
    )
    reference, path, output = tmp_path / "a.png", tmp_path / "a.pdf", tmp_path / "o.jsonl"
    image.save(reference)
    made = pikepdf.new()
    made.add_blank_page()
    size = {"Width": 160, "Height": 120, "BitsPerComponent": 8}
    stream = pikepdf.Stream(
        made, image.tobytes(), Subtype=pikepdf.Name.Image, ColorSpace=pikepdf.Name.DeviceRGB, **size
    )
    made.Root.Image = made.make_indirect(stream)
    made.save(path, encryption=pikepdf.Encryption(owner="o", R=6))
    listed = hashaudit("hash", "-a", "pdq", reference)
    (tmp_path / "list.txt").write_bytes(listed.out)
    result = hashaudit("scan", path, "--list", tmp_path / "list.txt", "-o", output)
    assert result.code == 8, result.err
    checked = hashaudit("extract-check", output, "--path", f"{path}//2.tif")
    assert checked.out.decode() == f"agrees: {path}//2.tif: sha256\n"
