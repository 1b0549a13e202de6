"""A hash in a text is read, or a warning, a count or a refusal says that it is not. Found by changing real lists."""

import json
from collections.abc import Callable
from typing import Any

import pytest

MD5, SHA1 = "b1946ac92492d2347c6235b4d2611184", "f572d396fae9206628714fb2ce00f72e94f2258f"
SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
OTHER = "f97c5d29941bfb1b2fdab0874906ab82"
NAME = "a name holds what looks like a hash, which is not read"
LINE = "a line holds what looks like a hash, which is not read"
COLUMN = (
    "column 'note' holds what looks like hashes, which are not read; "
    "map it with --column-map COLUMN=FIELD if it has hashes of files"
)
NSRL = '"SHA-1", "MD5", "CRC32", "FileName", "FileSize", "ProductCode", "OpSystemCode", "SpecialCode"\n'
RPM = "1700000000 {} 0100755 root root 0 0 0 X"
SPDX = "SPDXVersion: SPDX-2.3\n"
FCIV = "//\n// File Checksum Integrity Verifier version 2.05.\n//\n"
HASHDEEP = "%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n"
DEBIAN = f"Origin: x\nMD5Sum:\n {MD5} 1 main/one\n"


def yara(metadata: str, section: str = "meta:") -> str:
    return f"rule a {{\n {section}\n {metadata}\n condition: true }}\n"


REMARKED = {
    "checksum lines joined": (f"{MD5}  a {SHA1}  b\n", NAME),
    "tagged lines joined": (f"MD5 (a) = {OTHER} MD5 (b) = {MD5}\n", NAME),
    "md5deep": (f"         6  {MD5}  /a 6  {SHA1}  /b\n", NAME),
    "hashdeep": (f"{HASHDEEP}6,{MD5},/a 6,{OTHER},/b\n", NAME),
    "ClamAV": (f"{MD5}:1:a {OTHER}\n", NAME),
    "fciv": (f"{FCIV}{MD5} {SHA1} c:\\one {OTHER} c:\\two\n", NAME),
    "Get-FileHash": (f"Algorithm Hash Path\n--------- ---- ----\nMD5 {MD5} C:\\a {OTHER}\n", NAME),
    "rpm": (f"/a 1 {RPM.format(SHA256)} /b 1 {RPM.format(OTHER)}\n", NAME),
    "mtree": (f"#mtree\n./a sha256digest={SHA256} newdigest={OTHER}\n", LINE),
    "Debian": (f"{DEBIAN}Suite: stable {OTHER} 2 main/two\n", LINE),
    "SPDX": (f"{SPDX}FileName: a FileChecksum: MD5: {OTHER}\nFileChecksum: MD5: {MD5}\n", NAME),
    "SPDX, another field": (f"{SPDX}FileName: a\nFileChecksum: MD5: {MD5}\nNote: {OTHER}\n", LINE),
    "YARA": (f'rule a {{\n meta:\n  hash = "{MD5}"\n  hash = "\n{OTHER}"\n condition: true }}\n', LINE),
    "a table with a name before the hash": (
        f"type,value,note\nmd5,{MD5},x|{OTHER}\n",
        COLUMN,
    ),
    "JSON, another field": (
        json.dumps([{"md5": MD5, "dropper": OTHER, "uuid": OTHER[::-1], "imphash": OTHER[::-1], "name": "x"}]),
        "field 'dropper' holds what looks like hashes, which are not read",
    ),
    "two hashes of one algorithm": (
        f"#mtree\n./a md5={MD5} md5={OTHER}\n",
        "a record has several hashes of one algorithm; only the first is read",
    ),
}


@pytest.mark.parametrize(("content", "remark"), REMARKED.values(), ids=REMARKED)
def test_a_warning_tells_of_the_hash(read: Callable[..., Any], content: str, remark: str) -> None:
    result = read(content.encode())
    assert MD5 in str(result.hashes) or SHA256 in str(result.hashes)
    assert result.remarks == [remark]


REJECTED = {
    "certutil, lines joined": (
        f"MD5 hash of a:\n{MD5}\nDone.\nMD5 hash of b: {OTHER}\n",
        "a hash without its algorithm",
    ),
    "Debian, outside a group": (f"{DEBIAN}\n {OTHER} 2 main/two\n", "a checksum outside a group of checksums"),
    "YARA, an unknown name": (
        f'rule a {{\n meta:\n  hash = "{MD5}"\n  other = "{OTHER}"\n condition: true }}\n',
        "what looks like a hash has an unknown kind",
    ),
    "mtree, only an unknown key": (
        f"#mtree\n./a md5={MD5}\n./b newdigest={OTHER}\n",
        "what looks like a hash has an unknown kind",
    ),
    "MISP, a name before the hash": (
        json.dumps(
            {
                "Event": {
                    "info": "i",
                    "Attribute": [
                        {"type": "md5", "value": MD5, "to_ids": True},
                        {"type": "filename|new", "value": f"a|{OTHER}", "to_ids": True},
                    ],
                }
            }
        ),
        "what looks like a hash has an unknown kind",
    ),
    "STIX, no type": (
        json.dumps(
            {
                "type": "bundle",
                "objects": [
                    {"type": "file", "id": "file--1", "hashes": {"MD5": MD5}},
                    {"type": [], "pattern": f"[FILE:HASHES.MD5 = '{OTHER}']"},
                ],
            }
        ),
        "a pattern in an object of another type",
    ),
    "ThreatExchange, an unknown type": (
        f"signal_type,signal_str,collab,category,tags\nmd5,{MD5},c,d,e\nnew_kind,{OTHER},c,d,e\n",
        "what looks like a hash has an unknown kind",
    ),
    "Sleuth Kit, an entry after the name": (
        f"{'0' * 41}|md5sum\n{'0' * 40}1|x {OTHER}|0000000000000000\n{MD5}|0000000000000040\n",
        "not a hash and an offset",
    ),
    "CycloneDX, no object": (
        json.dumps({"bomFormat": "CycloneDX", "components": [7, {"hashes": [{"alg": "MD5", "content": MD5}]}]}),
        "the record is not an object",
    ),
}


@pytest.mark.parametrize(("content", "detail"), REJECTED.values(), ids=REJECTED)
def test_a_count_tells_of_the_hash(read: Callable[..., Any], content: str, detail: str) -> None:
    result = read(content.encode())
    assert (result.hashes, result.details) == ([{"md5": MD5}], [detail])


READ = {
    "mtree, the continuation lost": f"#mtree\n./a sha256={SHA256}\n  md5digest={MD5}\n",
    "YARA, metadata without its section": yara(f'author = "x"\n md5 = "{MD5}"\n hash = "{SHA256}"', section=""),
    "YARA, Elastic's name": yara(f'fingerprint = "{OTHER}"\n reference_sample = "{SHA256}"\n hash = "{MD5}"'),
    "YARA, a reference": yara(f'reference = "https://x.example/y={OTHER}"\n sample = "{SHA256}"\n hash = "{MD5}"'),
    "JSON, an array for each algorithm": json.dumps({"x": {"sha256": [SHA256]}, "y": {"md5": [MD5], "n": 1}}),
    "JSON, records in two places": json.dumps({"a": [{"sha256": SHA256}], "b": {"c": [{"md5": MD5, "d": {"md5": 1}}]}}),
    "STIX, a type in capitals": json.dumps(
        {"type": "bundle", "objects": [{"type": "FILE", "id": "file--1", "hashes": {"MD5": MD5, "SHA-256": SHA256}}]}
    ),
    "VirusTotal, no digest": json.dumps(
        {"data": [{"type": "file", "id": SHA256, "attributes": {"MD5": MD5, "sha256": [[]]}}]}
    ),
    "NSRL with blanks after commas": f'{NSRL}"{SHA1}", "{MD5}", "1", "a", 1, 1, "WIN", ""\n',
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_the_hash_is_read(read: Callable[..., Any], content: str) -> None:
    result = read(content.encode())
    assert {text for hashes in result.hashes for text in hashes.values()} - {SHA1, SHA256} == {MD5}
    assert SHA256 in str(result.hashes) or SHA1 in str(result.hashes)
    assert (result.rejects, result.remarks) == ([], [])


@pytest.mark.parametrize("name", [MD5, f"{MD5}.exe", "b/" + OTHER])
def test_a_name_that_is_no_other_hash_is_not_told(read: Callable[..., Any], name: str) -> None:
    assert read(f"{MD5}  {name}\n{SHA1}  x\n".encode()).remarks == []
