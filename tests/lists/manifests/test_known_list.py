"""Lists of known hashes in the formats of hashdeep's and md5deep's manuals, and lines that are none."""

from pathlib import Path

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.read_manifest import MAX_MALFORMED, read_known
from hashaudit.model.results import AlgorithmName

MD5, SHA1 = AlgorithmName("md5"), AlgorithmName("sha1")
M, S = "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709"
HASHDEEP = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha1,filename\n"
ENCASE = b"HASH\r\n\xff\0" + bytes(8) + b"\1\0\0\0" + bytes(1152 - 20) + bytes.fromhex(M) + b"\0\0"


def read(
    path: Path, content: bytes | str, algorithm: AlgorithmName | None
) -> tuple[list[ManifestEntry], tuple[int, ...]]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    entries: list[ManifestEntry] = []
    info = read_known(str(path), algorithm, entries.extend)
    return entries, info.malformed


@pytest.mark.parametrize(
    ("content", "algorithm", "names"),
    [
        (f"{HASHDEEP}## note\n0,{M},{S},a,b\n0,{M},{S},x offset 0-4\n", None, [b"a,b", b"x offset 0-4"]),
        (f"{HASHDEEP}0,{M},{S},a\n", MD5, [b"a"]),
        (f"{M}  a b\n{M} *c\n", MD5, [b"a b", b"c"]),
        (f"MD5 (a (1)) = {M}\n", MD5, [b"a (1)"]),
        (f"         0  {M}  a\n1234567890  {M}  b\n", MD5, [b"a", b"b"]),
        (f'"SHA-1","MD5","CRC32","FileName","FileSize"\n"{S}","{M}","0","n.txt",0\n', SHA1, [b"n.txt"]),
        (f'"SHA-1","MD5","CRC32","FileName","FileSize"\n"{S}","{M}","0","n.txt",0\n', MD5, [b"n.txt"]),
        (
            f'"file_id","hashset_id","file_name","directory","hash","file_size"\n1,2,"k.txt","d","{M}",0\n',
            MD5,
            [b"k.txt"],
        ),
        (f"V3Hash,HashSHA1,FileName,FilePath,FileSize\n{M},{S},i.txt,p,0\n", MD5, [b"p"]),
        (ENCASE, MD5, [b""]),
    ],
)
def test_each_format(content: bytes | str, algorithm: AlgorithmName | None, names: list[bytes], tmp_path: Path) -> None:
    entries, malformed = read(tmp_path / "k", content, algorithm)
    assert ([entry.path for entry in entries], malformed) == (names, ())
    assert all((algorithm or MD5) in entry.digests for entry in entries)


@pytest.mark.parametrize(
    ("content", "algorithm", "malformed"),
    [
        (f"{HASHDEEP}0,{M},{S},a\n0,zz,{S},b\nx\n", None, (4, 5)),
        (f"comment\n{M}  a\n{S}  b\n{M}\n", MD5, (1, 3, 4)),
        ("x\n" * 200 + f"{M}  a\n", MD5, tuple(range(1, MAX_MALFORMED + 1))),
    ],
)
def test_lines_without_a_hash_are_named(
    content: str, algorithm: AlgorithmName | None, malformed: tuple[int, ...], tmp_path: Path
) -> None:
    entries, found = read(tmp_path / "k", content, algorithm)
    assert (len(entries), found) == (1, malformed)


@pytest.mark.parametrize(
    ("content", "algorithm"),
    [
        (f"{M}  a\n", None),
        ("nothing\n", MD5),
        ("", MD5),
        ("%%%% HASHDEEP-1.0\n", None),
        (f"{S}  a\n", MD5),
        (ENCASE[:99], MD5),
    ],
)
def test_what_is_no_list_of_known_hashes(content: bytes | str, algorithm: AlgorithmName | None, tmp_path: Path) -> None:
    with pytest.raises(ListError):
        read(tmp_path / "k", content, algorithm)
