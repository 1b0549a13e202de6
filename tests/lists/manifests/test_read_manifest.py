"""Manifests of other programs, with exact paths."""

import gzip
import hashlib
from pathlib import Path

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestInfo
from hashaudit.lists.manifests.read_manifest import read_manifest
from hashaudit.model.results import AlgorithmName

MD5, SHA256 = hashlib.md5(b"x").hexdigest(), hashlib.sha256(b"x").hexdigest()
UPPER = SHA256.upper()
XML = (
    f"<fileobject><filename>a b</filename><filesize>1</filesize><hashdigest type='MD5'>{MD5}</hashdigest></fileobject>"
)


def read(path: Path, text: str | bytes, algorithm: str | None = None) -> tuple[ManifestInfo, list[ManifestEntry]]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    entries: list[ManifestEntry] = []
    info = read_manifest(str(path), None if algorithm is None else AlgorithmName(algorithm), entries.extend)
    return info, entries


JSON = (
    '{"entry":{"root":0,"path":"a\ufffd","path_uri":"a%%FF"%s},"state":{"type":"file","size":1},"digests":{"md5":"'
    + MD5
    + '"}}\n'
)

VALID: dict[str, tuple[str, str | bytes, bytes]] = {
    "hashdeep": (
        "hashdeep",
        f"%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n## $ run\n1,{MD5},{SHA256},#a,b\n",
        b"#a,b",
    ),
    "hashdeep with a hash of its own": (
        "hashdeep",
        f"%%%% HASHDEEP-1.0\n%%%% size,md5,tiger,filename\n1,{MD5},{'0' * 48},a\n",
        b"a",
    ),
    "coreutils": ("checksums", f"# made now\n{SHA256}  a b\n", b"a b"),
    "binary mark": ("checksums", f"{UPPER} *a b\n", b"a b"),
    "escapes": ("checksums", f"\\{SHA256}  a\\nb\\\\c\\r\n", b"a\nb\\c\r"),
    "a name like an escape": ("checksums", f"{SHA256}  a\\nb\n", b"a\\nb"),
    "tagged": ("checksums", f"SHA256 (a) = b) = {SHA256}\n", b"a) = b"),
    "NUL": ("checksums", f"{SHA256}  a\nb\0".encode(), b"a\nb"),
    "not text": ("checksums", SHA256.encode() + b"  \xff\xfe\n", b"\xff\xfe"),
    "Windows line ends": ("checksums", f"{SHA256}  a\r\n", b"a"),
    "table": ("table", f'Path;Size;SHA-256\n"a;""b";1;{SHA256}\n', b'a;"b'),
    "table with a line end": ("table", f'sha256,path\n{SHA256},"a\r\nb"\n', b"a\r\nb"),
    "table that is not text": ("table", b"path,md5\n\xff," + MD5.encode() + b"\n", b"\xff"),
    "table without an algorithm": ("table", f"filename,hash\na,{SHA256}\n", b"a"),
    "jsonl": ("jsonl", JSON % "", b"a\xff"),
    "jsonl of a member": (
        "jsonl",
        JSON % ',"within":[{"format":"zip","name":"../b","ordinal":0,"size":1}]',
        b"a\xff!/../b",
    ),
    "dfxml": ("dfxml", f"<?xml version='1.0'?>\n<dfxml xmlns='urn:x'>{XML}</dfxml>\n", b"a b"),
    "mtree": ("mtree", f"#mtree\n/set type=file\n. type=dir\n    a\\040b size=1 sha256digest={SHA256}\n..\n", b"./a b"),
    "mtree with full paths": ("mtree", f"#mtree v2.0\n./d type=dir\n./d/a type=file \\\n  md5={MD5}\n", b"./d/a"),
}


@pytest.mark.parametrize("case", VALID)
def test_a_manifest_gives_exact_paths_and_digests(case: str, tmp_path: Path) -> None:
    name, text, expected = VALID[case]
    info, entries = read(tmp_path / "manifest", text)
    assert (info.format, [entry.path for entry in entries]) == (name, [expected])
    found = {digest.hex() for digest in entries[0].digests.values()}
    assert found
    assert found <= {MD5, SHA256}
    assert entries[0].size in {None, 1}


INVALID = {
    "empty": ("", "empty"),
    "another text": ("hello\nworld\n", "unrecognised"),
    "hashdeep without columns": ("%%%% HASHDEEP-1.0\n", "line 2: hashdeep's line"),
    "hashdeep with other columns": ("%%%% HASHDEEP-1.0\n%%%% md5,filename\n", "line 2"),
    "a line end in a name of hashdeep": (
        f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n1,{MD5},a\nb\n",
        "line 4: not a size",
    ),
    "pieces": (f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n1,{MD5},a offset 0-9\n", "line 3: hashes of pieces"),
    "a cut digest": (f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n1,{MD5[:-2]},a\n", "line 3: a digest"),
    "a line that is no checksum": (f"{SHA256}  a\nb\n", "line 2: not a checksum"),
    "a wrong escape": (f"{SHA256}  a\n\\{SHA256}  a\\t\n", "line 2: the file name has a wrong escape"),
    "a row that is cut": (f"path,size,sha256\na,1,{SHA256}\nb,1\n", "line 3: fewer fields"),
    "an open quote": (f'path,sha256\n"a,{SHA256}\n', "a quote"),
    "a wrong size": (f"path,size,sha256\na,x,{SHA256}\n", "line 2: a size"),
    "a JSON line without digests": (JSON % "" + '{"entry":{"path":"b"}}\n', "line 2: not a JSON object of a file"),
    "a JSON line with two names": (JSON.replace("%%FF", "%%FE%%20") % "", "line 1: not a JSON object of a file"),
    "a JSON line of a piece": (JSON.replace('"digests"', '"piece":{},"digests"') % "", "line 1: the hash of a piece"),
    "a cut JSON line": ((JSON % "")[:-4], "line 1"),
    "cut XML": (f"<dfxml>{XML}<fileobject>", "XML"),
    "a document type": (f"<!DOCTYPE x []><dfxml>{XML}</dfxml>", "unrecognised|XML"),
}


@pytest.mark.parametrize("case", INVALID)
def test_a_damaged_manifest_is_refused_with_its_line(case: str, tmp_path: Path) -> None:
    text, message = INVALID[case]
    with pytest.raises(ListError, match=message) as error:
        read(tmp_path / "manifest", text)
    assert MD5 not in str(error.value)
    assert SHA256 not in str(error.value)


def test_a_stated_algorithm_names_the_digests(tmp_path: Path) -> None:
    _, (entry,) = read(tmp_path / "m", f"{SHA256}  a\n", "blake3")
    assert list(entry.digests) == ["blake3"]


def test_a_compressed_manifest_is_read_and_described_as_it_is(tmp_path: Path) -> None:
    packed = gzip.compress(f"{SHA256}  a\n".encode())
    info, entries = read(tmp_path / "m.gz", packed)
    assert [entry.path for entry in entries] == [b"a"]
    assert (info.size, info.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())


def test_directories_of_mtree_are_entered_and_left(tmp_path: Path) -> None:
    text = (
        f"/set type=file\n.    type=dir\n  a    md5={MD5}\n  d    type=dir\n    b    md5={MD5}\n"
        f"    l   type=link link=b\n  ..\n  c   md5={MD5}\n..\n"
    )
    assert [entry.path for entry in read(tmp_path / "m", text)[1]] == [b"./a", b"./d/b", b"./c"]


def test_only_files_that_exist_are_taken_from_dfxml(tmp_path: Path) -> None:
    gone = XML.replace("<filename>", "<alloc>0</alloc><filename>")
    folder = XML.replace("<filename>", "<name_type>d</name_type><filename>")
    assert len(read(tmp_path / "m", f"<dfxml>{XML}{gone}{folder}</dfxml>")[1]) == 1


def test_many_entries_come_in_runs(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("".join(f"{SHA256}  {number}\n" for number in range(5000)))
    runs: list[int] = []
    read_manifest(str(tmp_path / "m"), None, lambda entries: runs.append(len(entries)))
    assert sum(runs) == 5000
    assert len(runs) > 2
