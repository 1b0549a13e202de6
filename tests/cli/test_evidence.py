"""Input that this project did not make: published test vectors as files, and the package database of a real system."""

import os
import re
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from installed import Tool, of_kind, parsed, totals

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

VECTORS = Path(str(files("cryptography_vectors"))) / "hashes"

NIST_FILES = {
    "md5": ["MD5/rfc-1321.txt"],
    "sha1": ["SHA1/SHA1ShortMsg.rsp", "SHA1/SHA1LongMsg.rsp"],
    "sha224": ["SHA2/SHA224ShortMsg.rsp", "SHA2/SHA224LongMsg.rsp"],
    "sha256": ["SHA2/SHA256ShortMsg.rsp", "SHA2/SHA256LongMsg.rsp"],
    "sha384": ["SHA2/SHA384ShortMsg.rsp", "SHA2/SHA384LongMsg.rsp"],
    "sha512": ["SHA2/SHA512ShortMsg.rsp", "SHA2/SHA512LongMsg.rsp"],
    "sha3-256": ["SHA3/SHA3_256ShortMsg.rsp", "SHA3/SHA3_256LongMsg.rsp"],
    "sha3-512": ["SHA3/SHA3_512ShortMsg.rsp", "SHA3/SHA3_512LongMsg.rsp"],
    "blake2b": ["blake2/blake2b.txt"],
    "blake2s": ["blake2/blake2s.txt"],
}
"""Of NIST's CAVS 11.0, RFC 1321 and RFC 7693, as PyPI's cryptography_vectors carries them."""

BLAKE3_VECTORS = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    63: "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b",
    64: "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98",
    65: "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    2048: "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
    8192: "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63",
    16384: "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4",
    31744: "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}
"""Of test_vectors.json of the BLAKE3 reference: input of so many bytes 0, 1, ..., 250, 0, ... -> first 32 bytes."""

DPKG_INFO = Path("/var/lib/dpkg/info")


def messages(path: Path) -> Iterator[tuple[bytes, str]]:
    """The messages and digests of a response file."""
    text = path.read_text()
    for length, message, digest in re.findall(r"Len = (\d+)\s+Msg = ([0-9a-f]*)\s+MD = ([0-9a-f]+)", text):
        yield bytes.fromhex(message)[: int(length) // 8], digest


@pytest.mark.parametrize("algorithm", [*NIST_FILES, "blake3"])
def test_published_vectors_as_files(algorithm: str, hashaudit: Tool, tmp_path: Path) -> None:
    if algorithm == "blake3":
        cases = [(bytes(place % 251 for place in range(size)), digest) for size, digest in BLAKE3_VECTORS.items()]
    else:
        cases = [case for name in NIST_FILES[algorithm] for case in messages(VECTORS / name)]
    assert len(cases) >= 5
    for number, (message, _) in enumerate(cases):
        (tmp_path / f"{number:04d}").write_bytes(message)
    result = hashaudit("scan", tmp_path, "--record", "all", "-a", algorithm)
    assert result.code == 0
    digests = [line["digests"] for line in of_kind(result.lines, "file")]
    assert digests == [{algorithm: digest} for _, digest in cases]


def spread(text: str, number: int) -> list[str]:
    """Some lines of a text, from all parts of it."""
    lines = text.splitlines(keepends=True)
    return lines[:: -(-len(lines) // number)]


@pytest.mark.skipif(not any(DPKG_INFO.glob("*.md5sums")), reason="needs a Debian package database")
def test_debian_packages_as_md5sum_sees_them(hashaudit: Tool, tmp_path: Path) -> None:
    """Installed files against their packages' own lists, path by path, as ``md5sum -c`` says."""
    packages = sorted(DPKG_INFO.glob("*.md5sums"), key=lambda path: path.stat().st_size)[-40:]
    asked = tmp_path / "md5sums"
    # Some files of each package; the largest has tens of thousands.
    asked.write_text("".join(line for package in packages for line in spread(package.read_text(), 75)))
    done = subprocess.run(
        ["md5sum", "-c", asked],
        cwd="/",
        capture_output=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    said = {}
    for line in done.stdout.decode().splitlines():
        name, _, verdict = line.rpartition(": ")
        said["/" + name] = verdict == "OK"
    assert sum(said.values()) > 1000
    listed = {path for path in said if os.path.isfile(path) and not os.path.islink(path)}
    roots = [path for path in sorted(listed) if os.path.realpath(path) == path]
    output = tmp_path / "out"
    words = [word for package in packages for word in ("--known", str(package))]
    result = hashaudit("scan", *roots, *words, "--record", "all", "-o", output)
    assert result.code == 0, result.err
    lines = parsed(output.read_bytes())
    known = {line["entry"]["path"]: bool(line.get("matches")) for line in of_kind(lines, "file")}
    # The list of the empty file's hash is never matched, by intent; md5sum takes it.
    expected = {path: said[path] and os.path.getsize(path) > 0 for path in roots}
    wrong = {path for path in roots if known[path] != expected[path]}
    # A file may be known under another path's entry although its own was changed; none may be missed.
    assert not {path for path in wrong if expected[path]}
    assert len(wrong) <= 5
    assert totals(lines)["known"] == sum(known.values())


@pytest.mark.skipif(not any(DPKG_INFO.glob("*.md5sums")), reason="needs a Debian package database")
def test_a_debian_package_looked_for(hashaudit: Tool) -> None:
    package = DPKG_INFO / "coreutils.md5sums"
    wanted = dict(line.split(maxsplit=1)[::-1] for line in package.read_text().splitlines())
    result = hashaudit("scan", "/usr/bin", "--list", package)
    assert result.code & 8
    found = {line["entry"]["path"]: line for line in of_kind(result.lines, "finding")}
    here = {f"/{path}" for path in wanted if path.startswith(("bin/", "usr/bin/"))}
    really = {os.path.realpath(path) for path in here if os.path.exists(path) and not os.path.islink(path)}
    assert really
    assert really <= set(found)
    for line in found.values():
        assert line["needs_confirmation"] == ["md5_only"]
