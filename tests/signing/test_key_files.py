"""Signing keys: whose they are, who can read them, and what is made of what is in them."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import signing_key
from hashaudit.errors import SigningKeyError
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.key_files import allowed_signers_line, load_key, new_key
from hashaudit.signing.public_key import PublicKey, load_public_key, pack_string, parse_public_key

SECRET = b"correct horse"

needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def write_private(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def private_bytes(form: PrivateFormat, secret: bytes | None = None, key: Ed25519PrivateKey | None = None) -> bytes:
    encryption: KeySerializationEncryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    return (key or Ed25519PrivateKey.from_private_bytes(b"\1" * 32)).private_bytes(Encoding.PEM, form, encryption)


def forbidden() -> bytes:
    pytest.fail("asked for a passphrase that is not needed")


@pytest.mark.parametrize("form", [PrivateFormat.OpenSSH, PrivateFormat.PKCS8])
def test_both_forms_are_read_with_and_without_passphrase(tmp_path: Path, form: PrivateFormat) -> None:
    expected = signing_key().fingerprint
    plain = write_private(tmp_path / "plain", private_bytes(form))
    assert load_key(plain).fingerprint == expected
    assert load_key(os.fsencode(plain), forbidden).fingerprint == expected
    locked = write_private(tmp_path / "locked", private_bytes(form, SECRET))
    assert load_key(locked, SECRET).fingerprint == expected
    assert load_key(locked, lambda: SECRET).fingerprint == expected
    for absent in (None, b"", lambda: b""):
        with pytest.raises(SigningKeyError, match="has a passphrase, and none was given"):
            load_key(locked, absent)
    with pytest.raises(SigningKeyError, match="the passphrase is wrong"):
        load_key(locked, b"wrong")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    content = private_bytes(PrivateFormat.OpenSSH)
    with pytest.raises(SigningKeyError, match="others can read or write it") as caught:
        load_key(write_private(tmp_path / "key", content, mode))
    assert str(caught.value.hint).startswith("run chmod 600")
    for good in (0o600, 0o400):
        load_key(write_private(tmp_path / f"{good}", content, good))


def test_a_key_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_private(tmp_path / "key", private_bytes(PrivateFormat.OpenSSH))
    owner = os.stat(path).st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SigningKeyError, match="belongs to another user"):
        load_key(path)


def test_without_owners_and_modes_the_key_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_private(tmp_path / "key", private_bytes(PrivateFormat.OpenSSH), 0o666)
    monkeypatch.delattr(os, "geteuid")
    assert load_key(path).fingerprint == signing_key().fingerprint


def test_a_link_to_a_key_is_followed_and_its_target_judged(tmp_path: Path) -> None:
    target = write_private(tmp_path / "key", private_bytes(PrivateFormat.OpenSSH))
    (tmp_path / "link").symlink_to(target)
    assert load_key(str(tmp_path / "link")).fingerprint == signing_key().fingerprint
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(SigningKeyError, match="others can read or write it") as caught:
        load_key(str(tmp_path / "link"))
    assert "chmod 600" in str(caught.value.hint)


def test_what_is_no_key_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    elliptic = ec.generate_private_key(ec.SECP256R1())
    unfit = {
        "signing key not found": str(tmp_path / "none"),
        "not a regular file": str(tmp_path / "fifo"),
        "cannot read": str(tmp_path / ("\x1b" * 300)),
        "larger than 64 KiB": write_private(tmp_path / "large", b" " * 70_000),
        "not a private key": write_private(tmp_path / "text", b"hello"),
        "is not Ed25519": write_private(
            tmp_path / "ec", elliptic.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        ),
        "the key is damaged": write_private(
            tmp_path / "damaged", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        ),
    }
    for message, path in unfit.items():
        with pytest.raises(SigningKeyError, match=message) as error:
            load_key(path)
        assert str(error.value).isprintable()


@given(
    content=st.binary(max_size=400),
    mark=st.sampled_from(["OPENSSH PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", ""]),
)
def test_no_bytes_crash_the_reader(content: bytes, mark: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile-key"
    begin, end = (f"-----BEGIN {mark}-----\n".encode(), f"\n-----END {mark}-----\n".encode()) if mark else (b"", b"")
    with pytest.raises(SigningKeyError):
        load_key(write_private(path, begin + content + end), b"x")


@pytest.mark.parametrize("position", range(40, 400, 7))
def test_a_damaged_key_is_refused_or_the_same(tmp_path: Path, position: int) -> None:
    content = bytearray(private_bytes(PrivateFormat.OpenSSH))
    if position >= len(content):
        return
    content[position] = ord("A") if content[position] != ord("A") else ord("B")
    try:
        key = load_key(write_private(tmp_path / "key", bytes(content)), b"x")
    except SigningKeyError:
        return
    message = b"message"
    assert key.public_key.verifies(key._private_key.sign(message), message)


def test_a_new_key_is_its_owners_alone_and_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "key"
    key = new_key(str(path), "examiner on host")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----\n")
    public = path.with_name("key.pub")
    assert public.read_text() == f"{key.public_key.text} examiner on host\n"
    assert load_key(str(path)).fingerprint == key.fingerprint
    assert load_public_key(str(public)) == key.public_key
    assert new_key(str(tmp_path / "other"), "").fingerprint != key.fingerprint
    assert load_public_key(str(tmp_path / "other.pub")).fingerprint != key.fingerprint


def test_a_new_key_can_have_a_passphrase(tmp_path: Path) -> None:
    key = new_key(str(tmp_path / "key"), "", SECRET)
    with pytest.raises(SigningKeyError, match="none was given"):
        load_key(str(tmp_path / "key"))
    assert load_key(str(tmp_path / "key"), SECRET).fingerprint == key.fingerprint


@pytest.mark.parametrize("taken", ["key", "key.pub"])
def test_a_new_key_overwrites_nothing_and_leaves_nothing_behind(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_bytes(b"old")
    with pytest.raises(SigningKeyError, match=f"already exists: '.*/{taken}';"):
        new_key(str(tmp_path / "key"), "")
    assert [item.name for item in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_bytes() == b"old"


def test_a_key_whose_public_half_cannot_be_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open

    def refuse_public(path: bytes, flags: int, mode: int = 0o777) -> int:
        if b".pub" in path:
            raise OSError(28, "No space left on device")
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse_public)
    with pytest.raises(SigningKeyError, match="No space left"):
        new_key(str(tmp_path / "key"), "")
    assert list(tmp_path.iterdir()) == []


def test_unfit_comments_passphrases_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match="comment"):
        new_key(str(tmp_path / "key"), "a\nssh-ed25519 AAAA")
    with pytest.raises(SigningKeyError, match="passphrase is empty"):
        new_key(str(tmp_path / "key"), "", b"")
    with pytest.raises(SigningKeyError, match="cannot create"):
        new_key(str(tmp_path / "no" / "key"), "")
    assert list(tmp_path.iterdir()) == []


@needs_ssh_keygen
@pytest.mark.parametrize("secret", [None, SECRET])
def test_ssh_keygen_reads_what_is_made_here(tmp_path: Path, secret: bytes | None) -> None:
    path = tmp_path / "key"
    key = new_key(str(path), "examiner", secret)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", f"{path}.pub"], capture_output=True, check=True, text=True).stdout
    assert shown.split()[:3] == ["256", key.fingerprint, "examiner"]
    command = ["ssh-keygen", "-y", "-P", (secret or b"").decode(), "-f", str(path)]
    derived = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert parse_public_key(derived) == key.public_key


@needs_ssh_keygen
@pytest.mark.parametrize("secret", [None, SECRET])
def test_what_ssh_keygen_makes_is_read_here(tmp_path: Path, secret: bytes | None) -> None:
    path = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", (secret or b"").decode(), "-C", "a b", "-f", str(path)]
    subprocess.run(command, check=True)
    assert load_key(str(path), secret).public_key == load_public_key(f"{path}.pub")


def test_the_line_for_allowed_signers_trusts_both_namespaces() -> None:
    key = signing_key().public_key
    store = AllowedSigners.parse(allowed_signers_line(key, "examiner@example.org"))
    for namespace, accepted in (("hashaudit-findings", True), ("hashaudit-file", True), ("git", False)):
        assert store.lookup(key, namespace, 0, "examiner@example.org").accepted is accepted


@pytest.mark.parametrize("identity", ["", "a b", "a,b", "*", "a?", "!a", '"a', "#a", "a\n", "a\x1b"])
def test_a_name_that_would_be_read_otherwise_is_refused(identity: str) -> None:
    with pytest.raises(SigningKeyError, match="name"):
        allowed_signers_line(signing_key().public_key, identity)


PUBLIC = signing_key().public_key
INVALID_PUBLIC = {
    "nothing": "",
    "one field": "ssh-ed25519",
    "not base64": "ssh-ed25519 ****",
    "another type": PUBLIC.text.replace("ssh-ed25519", "ssh-rsa"),
    "cut": PUBLIC.text[:-4],
    "empty": "ssh-ed25519 AAAA",
}


@pytest.mark.parametrize("line", INVALID_PUBLIC.values(), ids=INVALID_PUBLIC.keys())
def test_what_is_no_public_key_is_refused(line: str, tmp_path: Path) -> None:
    assert parse_public_key(f" {PUBLIC.text} a comment\n") == PUBLIC
    with pytest.raises(SigningKeyError):
        parse_public_key(line)
    (tmp_path / "k.pub").write_text(line)
    with pytest.raises(SigningKeyError, match=r"k\.pub"):
        load_public_key(str(tmp_path / "k.pub"))


def test_a_public_key_file_holds_one_key(tmp_path: Path) -> None:
    (tmp_path / "two.pub").write_text(f"{PUBLIC.text}\n{PUBLIC.text}\n")
    with pytest.raises(SigningKeyError, match="one line"):
        load_public_key(str(tmp_path / "two.pub"))
    with pytest.raises(SigningKeyError, match="cannot read"):
        load_public_key(str(tmp_path / "none.pub"))


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\0\0",
        b"\xff\xff\xff\xff",
        pack_string(b"ssh-rsa") + pack_string(b"x" * 32),
        pack_string(b"ssh-ed25519"),
        pack_string(b"ssh-ed25519") + pack_string(b"x" * 31),
        pack_string(b"ssh-ed25519") + pack_string(b"x" * 32) + b"x",
    ],
)
def test_a_blob_that_is_no_ed25519_key_is_refused(blob: bytes) -> None:
    assert PublicKey.from_blob(PUBLIC.blob) == PUBLIC
    with pytest.raises(SigningKeyError):
        PublicKey.from_blob(blob)
