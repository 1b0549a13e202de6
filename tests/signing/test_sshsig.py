"""SSHSIG, both ways with ssh-keygen."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import IDENTITY, allowed_signers, signing_key
from hashaudit.errors import FindingsError
from hashaudit.signing import sshsig
from hashaudit.signing.key_files import load_key, new_key
from hashaudit.signing.public_key import pack_string

KEY = signing_key()
NAMESPACE = "hashaudit-findings"
MESSAGE = b"ordinary text\n"

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def sha512(message: bytes) -> bytes:
    return hashlib.sha512(message).digest()


def ssh_keygen_accepts(folder: Path, armoured: str, message: bytes, namespace: str = NAMESPACE) -> bool:
    (folder / "sig").write_text(armoured)
    store = allowed_signers(folder, KEY.public_key)
    command = ["ssh-keygen", "-Y", "verify", "-f", str(store), "-I", IDENTITY, "-n", namespace]
    command += ["-s", str(folder / "sig")]
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode == 0


@needs_ssh_keygen
def test_ssh_keygen_accepts_what_is_signed_here(tmp_path: Path) -> None:
    for message in (b"", MESSAGE, b"x" * 100_000):
        assert ssh_keygen_accepts(tmp_path, KEY.sign(message, NAMESPACE), message)
        assert ssh_keygen_accepts(tmp_path, KEY.sign_sha512(sha512(message), NAMESPACE), message)
    assert not ssh_keygen_accepts(tmp_path, KEY.sign(MESSAGE, NAMESPACE), b"another")
    assert not ssh_keygen_accepts(tmp_path, KEY.sign(MESSAGE, NAMESPACE), MESSAGE, "git")


@needs_ssh_keygen
def test_what_ssh_keygen_signs_is_accepted_here_and_the_same_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = new_key(str(path), "test")
    command = ["ssh-keygen", "-Y", "sign", "-f", str(path), "-n", NAMESPACE]
    armoured = subprocess.run(command, input=MESSAGE, capture_output=True, check=True).stdout.decode()
    signature = sshsig.parse(armoured)
    assert signature.public_key == key.public_key
    assert signature.verifies(sha512(MESSAGE), NAMESPACE)
    assert armoured == load_key(str(path)).sign(MESSAGE, NAMESPACE)


@needs_ssh_keygen
@pytest.mark.parametrize(("kind", "options"), [("ecdsa", []), ("ed25519", ["-O", "hashalg=sha256"])])
def test_other_keys_and_hashes_are_refused_and_named(tmp_path: Path, kind: str, options: list[str]) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    command = ["ssh-keygen", "-Y", "sign", *options, "-f", str(path), "-n", NAMESPACE]
    armoured = subprocess.run(command, input=MESSAGE, capture_output=True, check=True).stdout.decode()
    with pytest.raises(FindingsError, match="only"):
        sshsig.parse(armoured)


def test_the_armour_has_lines_of_seventy_columns() -> None:
    begin, *lines, end = KEY.sign(MESSAGE, NAMESPACE).splitlines()
    assert (begin, end) == ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
    assert {len(line) for line in lines[:-1]} == {70}
    assert 0 < len(lines[-1]) <= 70


def test_a_signature_is_for_one_message_and_one_namespace() -> None:
    signature = sshsig.parse(KEY.sign(MESSAGE, NAMESPACE))
    assert signature.verifies(sha512(MESSAGE), NAMESPACE)
    assert not signature.verifies(sha512(b"another"), NAMESPACE)
    assert not signature.verifies(sha512(MESSAGE), "hashaudit-file")
    claimed = sshsig.SshSignature(signing_key(2).public_key, NAMESPACE, signature.signature)
    assert not claimed.verifies(sha512(MESSAGE), NAMESPACE)


def armoured_blob(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = "".join(text[start : start + 70] + "\n" for start in range(0, len(text), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}-----END SSH SIGNATURE-----\n"


def blob(
    magic: bytes = b"SSHSIG\0\0\0\1", reserved: bytes = b"", digest: bytes = b"sha512", tail: bytes = b""
) -> bytes:
    signature = pack_string(b"ssh-ed25519") + pack_string(b"s" * 64)
    fields = (KEY.public_key.blob, NAMESPACE.encode(), reserved, digest, signature)
    return magic + b"".join(map(pack_string, fields)) + tail


GOOD = KEY.sign(MESSAGE, NAMESPACE)
INVALID = {
    "nothing": "",
    "no end": GOOD.replace("-----END SSH SIGNATURE-----\n", ""),
    "no last newline": GOOD[:-1],
    "carriage returns": GOOD.replace("\n", "\r\n"),
    "text before": "x\n" + GOOD,
    "one long line": GOOD.replace("\n", "").replace("-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----\n"),
    "an empty line": GOOD.replace("-----\n", "-----\n\n", 1),
    "not base64": GOOD.replace("U1NI", "U1N*"),
    "not ASCII": GOOD.replace("U1NI", "U1Né"),
    "another magic": armoured_blob(blob(magic=b"SSHSIX\0\0\0\1")),
    "version 2": armoured_blob(blob(magic=b"SSHSIG\0\0\0\2")),
    "something reserved": armoured_blob(blob(reserved=b"x")),
    "another hash": armoured_blob(blob(digest=b"sha256")),
    "bytes behind": armoured_blob(blob(tail=b"x")),
    "cut": armoured_blob(blob()[:-1]),
    "empty": armoured_blob(b""),
    "too long": armoured_blob(blob(tail=b"x" * 5000)),
    "namespace not UTF-8": armoured_blob(blob().replace(b"hashaudit-f", b"hashaudit-\xff")),
}


@pytest.mark.parametrize("armoured", INVALID.values(), ids=INVALID.keys())
def test_any_other_form_is_refused(armoured: str) -> None:
    assert sshsig.parse(armoured_blob(blob())).namespace == NAMESPACE
    with pytest.raises(FindingsError):
        sshsig.parse(armoured)


@given(st.integers(0, len(GOOD) - 1), st.characters())
def test_no_character_of_a_signature_can_change_unnoticed(position: int, character: str) -> None:
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    if changed == GOOD:
        return
    try:
        signature = sshsig.parse(changed)
    except FindingsError:
        return
    assert not signature.verifies(sha512(MESSAGE), NAMESPACE)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_parser(content: bytes) -> None:
    for data in (content, b"SSHSIG\0\0\0\1" + content, blob()[: len(content)] + content):
        try:
            sshsig.parse(armoured_blob(data))
        except FindingsError:
            continue
