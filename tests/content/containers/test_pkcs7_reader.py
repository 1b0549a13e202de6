"""Signed files that hold what is signed, as OpenSSL writes them, alone and in mail."""

import random
import subprocess
from pathlib import Path

import pytest

from hashaudit.content.containers.first_bytes import sniff
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from kind_lab import read

CONTENT = random.Random(7).randbytes(300_000)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("signer")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out c.pem -subj /CN=x -days 9"
    subprocess.run(["openssl", *words.split()], cwd=directory, check=True, capture_output=True)
    return directory


def signed(signer: Path, content: bytes, *options: str) -> bytes:
    (signer / "in").write_bytes(content)
    words = ["openssl", "cms", "-sign", "-binary", "-in", "in", "-signer", "c.pem", "-inkey", "k.pem", *options]
    return subprocess.run(words, cwd=signer, check=True, capture_output=True).stdout


@pytest.mark.parametrize("options", [(), ("-stream",)])
def test_the_content_of_a_signed_file(signer: Path, options: tuple[str, ...]) -> None:
    whole = signed(signer, CONTENT, "-nodetach", "-outform", "DER", *options)
    assert sniff(whole[:4096]) is ContainerKind.PKCS7
    assert read(ContainerKind.PKCS7, whole) == ({b"": sha256(CONTENT)}, [])
    for cut in (20, 60, 5000, 299_000):
        assert read(ContainerKind.PKCS7, whole[:cut]).codes == ["damaged"]
    detached = signed(signer, CONTENT, "-outform", "DER")
    assert sniff(detached[:4096]) is None
    assert read(ContainerKind.PKCS7, detached) == ({}, [])


def test_mail_that_is_signed_as_a_whole_is_opened(signer: Path, tmp_path: Path) -> None:
    part = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYXR0YWNoZWQ=\r\n"
    mail = b"From: a@example.org\nTo: b@example.org\nSubject: s\n" + signed(
        signer, part, "-nodetach", "-outform", "SMIME"
    )
    path = tmp_path / "a.eml"
    path.write_bytes(mail)
    found = examine(path)
    assert found.codes == []
    assert sha256(b"attached") in found.whole()
