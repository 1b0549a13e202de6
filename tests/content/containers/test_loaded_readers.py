"""Readers of mail, documents and databases import nothing and open no file once they are loaded."""

import subprocess
import sys
from pathlib import Path

from document_samples import documents, documents_with_images
from hashaudit.content.containers.reader_registry import RANDOM_READERS, STREAM_READERS

CHILD = """
import sys
from hashaudit.content.containers.interface import ContainerError
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.reader_registry import RANDOM_READERS, STREAM_READERS, load_readers, random_readers

load_readers(frozenset(RANDOM_READERS))
random = random_readers((b"word",), rasters=True)
contents = {path: open(path, "rb").read() for path in sys.argv[1:]}
seen = []

def watch(event, arguments):
    if event in {"import", "open", "ctypes.dlopen"}:
        seen.append((event, str(arguments[0])))

sys.addaudithook(watch)
for path, content in contents.items():
    kind = path.rpartition(".")[2]
    reader = STREAM_READERS.get(kind) or random[kind]
    for data in content, content[: len(content) // 2]:
        try:
            for found in reader(MemorySource(data)):
                for _ in getattr(found, "chunks", ()):
                    pass
        except ContainerError:
            pass
print(seen)
"""

MAIL = (
    b"From: a\nDate: b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
    b"Content-Type: image/x; name=\"=?shift_jis?B?g2U=?=\"\nContent-Disposition: a; filename*=koi8-r''%C1\n\nx\n--b--\n"
)


def test_nothing_is_loaded_later(tmp_path: Path) -> None:
    contents = {"a": b"content" * 999, "ü": b"other" * 2000}
    samples = documents(contents) + documents_with_images(contents)
    paths = []
    for number, (kind, data) in enumerate((*samples, ("eml", MAIL))):
        paths.append(tmp_path / f"{number}.{kind}")
        paths[-1].write_bytes(data)
    assert {path.suffix[1:] for path in paths} <= STREAM_READERS.keys() | RANDOM_READERS.keys()
    done = subprocess.run([sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", done.stdout
