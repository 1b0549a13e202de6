"""Output of tools of operating systems, bills of materials, and answers of services."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.errors import ListError


def digest(name: str, text: str) -> str:
    return hashlib.new(name, text.encode()).hexdigest()


MD5, OTHER = digest("md5", "a"), digest("md5", "b")
SHA1, SHA256, SHA512 = digest("sha1", "a"), digest("sha256", "a"), digest("sha512", "a")
B256 = digest("sha256", "b")
SPACED = " ".join(SHA256[place : place + 2] for place in range(0, 64, 2))

VALID: dict[str, tuple[str, str, list[dict[str, str]]]] = {
    "Get-FileHash": (
        (
            "\r\nAlgorithm       Hash                     Path\r\n---------       ----                     ----\r\n"
            f"SHA256          {SHA256.upper()}       C:\\a b\\c.txt\r\nMD5             {MD5}     C:\\d...\r\n\r\n"
        ),
        "get-filehash",
        [{"sha256": SHA256}, {"md5": MD5}],
    ),
    "Get-FileHash as a list": (
        (
            f"\n\nAlgorithm : SHA256\nHash      : {SHA256.upper()}\nPath      : C:\\x\n\nAlgorithm : SHA512\n"
            f"Hash      : {SHA512[:60]}\n            {SHA512[60:]}\nPath      : C:\\y\n            z\n"
        ),
        "get-filehash",
        [{"sha256": SHA256}, {"sha512": SHA512}],
    ),
    "certutil": (
        (
            f"SHA256 hash of file C:\\a b.exe:\r\n{SPACED}\r\nCertUtil: -hashfile command completed successfully.\r\n"
            f"MD5 hash of C:\\c:\r\n{MD5}\r\nCertUtil: -hashfile command completed successfully.\r\n"
        ),
        "certutil",
        [{"sha256": SHA256}, {"md5": MD5}],
    ),
    "certutil in German": (
        f"SHA1-Hash von C:\\a.exe:\r\n{SHA1}\r\nCertUtil: -hashfile-Befehl wurde erfolgreich ausgef\u00fchrt.\r\n",
        "certutil",
        [{"sha1": SHA1}],
    ),
    "certutil in French, with blanks": (
        f"Hachage SHA256 du fichier C:\\a.exe :\r\n{SPACED}\r\nCertUtil: -hashfile La commande est termin\u00e9e.\r\n",
        "certutil",
        [{"sha256": SHA256}],
    ),
    "certutil in Portuguese": (f"Hash MD5 de a b.exe:\r\n{MD5}\r\nCertUtil: ok\r\n", "certutil", [{"md5": MD5}]),
    "fciv's database": (
        f"<FCIV><FILE_ENTRY><name>c:\\x</name><MD5>{base64.b64encode(bytes.fromhex(MD5)).decode()}</MD5></FILE_ENTRY></FCIV>",
        "fciv-xml",
        [{"md5": MD5}],
    ),
    "fciv": (
        f"//\r\n// File Checksum Integrity Verifier version 2.05.\r\n//\r\n{MD5} c:\\a b.txt\r\n{SHA1} c:\\b.txt\r\n",
        "fciv",
        [{"md5": MD5}, {"sha1": SHA1}],
    ),
    "YARA": (
        (
            f'import "pe"\n/* rule no {{ }} */\nprivate rule A : t\n{{\n meta:\n  hash = "{MD5}"\n  hash_2="{SHA256}"\n'
            f'  sha1 = "{SHA1}"\n  // md5 = "{OTHER}"\n  imphash = "{OTHER}"\n strings:\n  $hash = "{OTHER}"\n'
            " condition:\n  any of them\n}\n"
        ),
        "yara",
        [{"md5": MD5}, {"sha256": SHA256}, {"sha1": SHA1}],
    ),
    "mtree": (
        (
            f"#mtree\n/set type=file uid=0\n. type=dir\n    a\\040b size=3 sha256digest={SHA256} \\\n      md5={MD5}\n"
            f"./c sha1digest={SHA1} link=x\n..\n"
        ),
        "mtree",
        [{"sha256": SHA256, "md5": MD5}, {"sha1": SHA1}],
    ),
    "mtree without its mark": (f"./a sha256={SHA256} size=1\n", "mtree", [{"sha256": SHA256}]),
    "rpm": (
        (
            f"/usr/bin/x y 123 1700000000 {SHA256} 0100755 root root 0 0 0 X\n"
            f"/etc/x 12 1700000000 {MD5} 0100644 root root 1 0 0 X\n"
        ),
        "rpm-dump",
        [{"sha256": SHA256}, {"md5": MD5}],
    ),
    "Release": (
        f"Origin: x\nDate: now\nMD5Sum:\n {MD5} 12 main/a\nSHA256:\n {SHA256} 12 main/a\n",
        "debian-control",
        [{"md5": MD5}, {"sha256": SHA256}],
    ),
    "InRelease": (
        (
            f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: x\nSHA256:\n {SHA256} 12 main/a\n"
            "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEB\n-----END PGP SIGNATURE-----\n"
        ),
        "debian-control",
        [{"sha256": SHA256}],
    ),
    "Packages": (
        (
            f"Package: a\nFilename: pool/a.deb\nSize: 9\nMD5sum: {MD5}\nSHA256: {SHA256}\nDescription: x\n y\n\n"
            f"Package: b\nSHA256: {B256}\n"
        ),
        "debian-control",
        [{"md5": MD5, "sha256": SHA256}, {"sha256": B256}],
    ),
    ".changes": (
        f"Format: 1.8\nSource: a\nChecksums-Sha1:\n {SHA1} 1 a.dsc\nFiles:\n {MD5} 1 x optional a.dsc\n",
        "debian-control",
        [{"sha1": SHA1}, {"md5": MD5}],
    ),
    "SPDX tags": (
        f"SPDXVersion: SPDX-2.3\nFileName: ./a\nFileChecksum: SHA1: {SHA1}\nPackageChecksum: SHA256: {SHA256}\n",
        "spdx-tags",
        [{"sha1": SHA1}, {"sha256": SHA256}],
    ),
    "SPDX": (
        json.dumps(
            {
                "files": [{"fileName": "a", "checksums": [{"algorithm": "SHA1", "checksumValue": SHA1}]}, {}],
                "packages": [{"name": "p", "checksums": [{"algorithm": "SHA256", "checksumValue": SHA256}]}],
                "spdxVersion": "SPDX-2.3",
            }
        ),
        "spdx",
        [{"sha1": SHA1}, {"sha256": SHA256}],
    ),
    "CycloneDX as XML": (
        (
            '<bom xmlns="http://cyclonedx.org/schema/bom/1.4"><metadata><component><hashes>'
            f'<hash alg="MD5">{MD5}</hash></hashes></component></metadata><components><component><hashes>'
            f'<hash alg="SHA-256">{SHA256}</hash><hash alg="SHA-1">{SHA1}</hash></hashes></component>'
            "</components></bom>"
        ),
        "cyclonedx-xml",
        [{"md5": MD5}, {"sha256": SHA256, "sha1": SHA1}],
    ),
    "CycloneDX's own component": (
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "metadata": {"component": {"hashes": [{"alg": "MD5", "content": MD5}]}},
                "components": [{"hashes": [{"alg": "SHA-1", "content": SHA1}]}],
            }
        ),
        "cyclonedx",
        [{"md5": MD5}, {"sha1": SHA1}],
    ),
    "CycloneDX": (
        json.dumps(
            {
                "bomFormat": "CycloneDX",
                "components": [
                    {
                        "hashes": [{"alg": "SHA-256", "content": SHA256}, {"alg": "MD5", "content": MD5}],
                        "components": [{"hashes": [{"alg": "SHA-1", "content": SHA1}]}],
                    },
                    {"name": "none"},
                ],
            }
        ),
        "cyclonedx",
        [{"sha256": SHA256, "md5": MD5}, {"sha1": SHA1}],
    ),
    "VirusTotal": (
        json.dumps({"data": {"type": "file", "id": SHA256, "attributes": {"md5": MD5, "sha256": SHA256, "size": 1}}}),
        "virustotal",
        [{"md5": MD5, "sha256": SHA256}],
    ),
    "VirusTotal, a collection": (
        json.dumps({"data": [{"type": "file", "id": SHA256}, {"type": "file", "id": B256, "attributes": {}}]}),
        "virustotal",
        [{"sha256": SHA256}, {"sha256": B256}],
    ),
    "OTX": (
        json.dumps({"indicators": [{"type": "FileHash-MD5", "indicator": MD5}]}),
        "json",
        [{"md5": MD5}],
    ),
    "Get-FileHash as JSON": (
        json.dumps({"Algorithm": "SHA256", "Hash": SHA256, "Path": "x"}),
        "json",
        [{"sha256": SHA256}],
    ),
    "JSON, an array for each algorithm": (
        json.dumps({"sha3_256": [SHA256], "md5": [MD5, OTHER], "others": {"sha1": [SHA1]}}),
        "json",
        [{"sha3-256": SHA256}, {"md5": MD5}, {"md5": OTHER}, {"sha1": SHA1}],
    ),
    "JSON lines": (f'{{"md5":"{MD5}"}}\n{{"md5":"{OTHER}"}}\n', "json", [{"md5": MD5}, {"md5": OTHER}]),
    "JSON texts": (json.dumps({"hashes": [MD5, SHA256]}), "json", [{"md5": MD5}, {"sha256": SHA256}]),
    "MalwareBazaar's interface": (
        json.dumps({"query_status": "ok", "data": [{"sha256_hash": SHA256, "md5_hash": MD5, "imphash": OTHER}]}),
        "json",
        [{"sha256": SHA256, "md5": MD5}],
    ),
}


@pytest.mark.parametrize(("content", "name", "hashes"), VALID.values(), ids=VALID)
def test_valid(read: Callable[..., Any], content: str, name: str, hashes: list[dict[str, str]]) -> None:
    result = read(content.encode())
    assert (result.format, result.hashes) == (name, hashes)
    assert {reason for _, reason in result.rejects} <= {"unsupported"}


@pytest.mark.parametrize(
    ("content", "name", "count"),
    [
        (f"Known files\n===========\n\n{SHA256}\n-- \n{B256}\n", "plain", 2),
        (f"\u201c{SHA256}\u201d\n\u2018{B256}\u2019\n\u2022{MD5}\n\u00ab{SHA1}\u00bb\n", "plain", 4),
        (f"sep=;\r\nName;MD5\r\na;{MD5}\r\nb;{OTHER}\r\n", "table", 2),
        (f"| File | MD5 |\n|------|:----|\n| a | {MD5} |\n| b | {OTHER} |\n", "table", 2),
    ],
)
def test_rules_quotes_and_the_delimiter_of_a_spreadsheet(
    read: Callable[..., Any], content: str, name: str, count: int
) -> None:
    result = read(content.encode())
    assert (result.format, len(result.entries)) == (name, count)
    assert len(result.rejects) == content.startswith("Known")


REJECTED: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "Get-FileHash in a narrow window": (
        (
            f"Algorithm       Hash     Path\n---------       ----     ----\nSHA256          {SHA256[:40]}... C:\\x\n"
            f"SHA256          {SHA256}       C:\\y\n"
        ),
        [(3, "wrong_length")],
    ),
    "certutil fails": (
        f"MD5 hash of a:\n{MD5}\nCertUtil: ok\nMD5 hash of b:\nCertUtil: -hashfile command FAILED: 0x80070002\n",
        [(5, "malformed")],
    ),
    "YARA with a short hash": (
        f'rule A {{\n meta:\n md5 = "{MD5[:-2]}"\n hash = "{SHA1}"\n condition: true }}\n',
        [(3, "wrong_length")],
    ),
    "mtree of a directory": (f"#mtree\na md5={MD5}\nb sha1={SHA1[:-2]}\n", [(3, "wrong_length")]),
    "rpm of a directory": (
        f"/a 1 2 {SHA256} 0100644 r r 0 0 0 X\n/b 1 2 {'0' * 64} 040755 r r 0 0 0 X\nx\n",
        [(2, "unsupported"), (3, "malformed")],
    ),
    "a line of Release": (f"Suite: x\nMD5Sum:\n {MD5} 1 a\n x\n", [(4, "malformed")]),
    "OTX, other kinds": (
        json.dumps({"indicators": [{"type": "domain", "indicator": "x"}, {"type": "mystery", "indicator": MD5}, 7]}),
        [(1, "unsupported"), (2, "unsupported"), (3, "malformed")],
    ),
    "VirusTotal, others": (
        json.dumps({"data": [{"type": "file", "id": SHA256}, {"type": "url"}, 7]}),
        [(2, "unsupported"), (3, "malformed")],
    ),
}


@pytest.mark.parametrize(("content", "rejects"), REJECTED.values(), ids=REJECTED)
def test_rejects(read: Callable[..., Any], content: str, rejects: list[tuple[int, str]]) -> None:
    assert read(content.encode()).rejects == rejects


@pytest.mark.parametrize("name", [name for name, (_, form, _) in VALID.items() if form not in {"yara", "json"}])
def test_sizes_beyond_64_bits_do_no_harm(read: Callable[..., Any], name: str) -> None:
    huge = VALID[name][0].replace(" 123 ", f" {'9' * 30} ").replace("size=3", f"size={'9' * 30}")
    huge = (
        huge.replace(" 12 ", f" {'9' * 30} ")
        .replace("Size: 9", f"Size: {'9' * 30}")
        .replace('"size": 1', f'"size": {"9" * 30}')
    )
    for entry in read(huge.encode()).entries:
        assert entry.size is None or entry.size < 1 << 63


@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1}',
        json.dumps({"sections": [{"name": ".text", "crc": MD5}]}),
        json.dumps({"id": MD5}),
        "rule of thumb\n",
        "Origin: x\nSuite: y\n",
        "MD5 hash of a:\nnothing\n",
        "Algorithm : none\n",
        "// File\nx\n",
    ],
)
def test_texts_that_are_not_lists(read: Callable[..., Any], content: str) -> None:
    with pytest.raises(ListError, match=r"unrecognised list format: (line 1 is neither|it is a JSON text)"):
        read(content.encode())
