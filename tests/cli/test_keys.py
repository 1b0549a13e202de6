"""``keys show``, ``keys trust`` and ``keys check``, as two people use them who exchange findings."""

import shutil
import subprocess
from pathlib import Path

import pytest

from installed import Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

KEYGEN = shutil.which("ssh-keygen")


@pytest.fixture
def signer(tmp_path: Path) -> Tool:
    """Another user, with a key of their own."""
    (tmp_path / "signer").mkdir()
    tool = Tool(tmp_path / "signer")
    assert tool("keys", "new").code == 0
    return tool


def shown(tool: Tool, *words: str | Path) -> dict[str, str]:
    done = tool("keys", "show", *words)
    assert done.code == 0, done.err
    return dict(line.split(": ", 1) for line in done.out.decode().replace(":  ", ": ").splitlines())


def test_findings_of_another_verify_once_their_key_is_trusted(hashaudit: Tool, signer: Tool, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"x")
    findings = tmp_path / "findings.jsonl"
    assert signer("scan", tmp_path / "tree", "--record", "all", "-q", "-o", findings).code == 0
    assert hashaudit("keys", "new").code == 0
    assert hashaudit("verify", findings).code == 4
    line = tmp_path / "line"
    key = shown(signer)
    line.write_text(key["allowed_signers"].strip() + "\n")
    fingerprint = key["fingerprint"].strip()
    wrong = hashaudit("keys", "trust", line, "--fingerprint", f"SHA256:{'A' * 43}")
    assert wrong.code == 4
    assert fingerprint in wrong.err
    assert hashaudit("verify", findings).code == 4, "nothing was trusted"
    done = hashaudit(
        "keys", "trust", "-", "--name", "lab@example.org", "--fingerprint", fingerprint, input=line.read_bytes()
    )
    assert (done.code, done.err) == (0, "")
    assert hashaudit("verify", findings, "--identity", "lab@example.org").code == 0
    again = hashaudit("keys", "trust", line, "--name", "lab@example.org")
    assert again.out.startswith(b"trusted already: lab@example.org with SHA256:")
    store = (hashaudit.home / ".config" / "hashaudit" / "allowed_signers").read_text()
    assert store.count("lab@example.org") == 1
    assert store.count("\n") == 2


def test_a_trust_store_without_a_last_line_end_keeps_its_last_line(signer: Tool, tmp_path: Path) -> None:
    key = signer.home / ".config" / "hashaudit" / "signing_key.pub"
    store = tmp_path / "team"
    store.write_text(f"# team\nother@host {' '.join(key.read_text().split()[:2])}")
    done = signer("keys", "trust", key, "--name", "new@host", "--allowed-signers", store)
    assert done.code == 0
    assert "compare this fingerprint" in done.err
    assert [line.split()[0] for line in store.read_text().splitlines()] == ["#", "other@host", "new@host"]


def test_what_is_no_public_key_is_not_trusted(signer: Tool, tmp_path: Path) -> None:
    private = signer.home / ".config" / "hashaudit" / "signing_key"
    for name, text in {
        "private": private.read_text(),
        "other": "# nothing\n",
        "name": "a,b ssh-ed25519 AAAA\n",
    }.items():
        (tmp_path / name).write_text(text)
        done = signer("keys", "trust", tmp_path / name, "--name", "x@y")
        assert done.code == 4, name
        assert private.read_text().splitlines()[1] not in done.err, "no line of a private key is shown"
    piped = signer("keys", "trust", "-", "--name", "x@y", input=private.read_bytes())
    assert "must stay with its owner" in piped.err
    assert signer("keys", "trust", f"{private}.pub", "--name", "a,b").code == 4


def test_the_source_of_a_passphrase_is_read_also_for_a_key_without_one(signer: Tool, tmp_path: Path) -> None:
    nothing = tmp_path / "no such file"
    for words in (("check",), ("new", tmp_path / "key")):
        for source in (("--passphrase-file", nothing), ("--passphrase-file", tmp_path), ("--passphrase-fd", 99)):
            result = signer("keys", *words, *map(str, source))
            assert (result.code, "cannot read the passphrase: '" in result.err) == (2, True)
    assert not (tmp_path / "key").exists()
    nothing.write_text("words\n")
    assert signer("keys", "check", "--passphrase-file", nothing).code == 0


def test_a_key_is_checked_as_a_scan_would_use_it(signer: Tool, tmp_path: Path) -> None:
    own = signer.home / ".config" / "hashaudit" / "signing_key"
    good = signer("keys", "check")
    assert good.code == 0
    assert good.err == ""
    assert b"it can sign" in good.out
    words = tmp_path / "words"
    words.write_text("secret\n")
    assert signer("keys", "new", tmp_path / "key", "--passphrase-file", words).code == 0
    untrusted = signer("keys", "check", "--key", tmp_path / "key", "--passphrase-file", words)
    assert (untrusted.code, b"trusted:     no" in untrusted.out) == (0, True)
    assert signer("keys", "check", "--key", tmp_path / "key", stdin=subprocess.DEVNULL).code == 4
    shutil.copy(tmp_path / "key.pub", f"{own}.pub")
    other = signer("keys", "check")
    assert other.code == 4
    assert b"IS ANOTHER KEY" in other.out
    own.chmod(0o644)
    assert "others can read or write it" in signer("keys", "check").err


@pytest.mark.skipif(KEYGEN is None, reason="needs ssh-keygen (Debian: openssh-client)")
def test_a_key_of_ssh_keygen_is_shown_with_the_same_fingerprint(hashaudit: Tool, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "me@lab", "-f", key], check=True)
    listed = subprocess.check_output(["ssh-keygen", "-l", "-f", key], text=True).split()[1]
    for path in (key, f"{key}.pub"):
        found = shown(hashaudit, path)
        assert found["fingerprint"].strip() == listed
        assert found["allowed_signers"].strip().startswith("me@lab namespaces=")
    Path(f"{key}.pub").unlink()
    missing = hashaudit("keys", "show", key)
    assert missing.code == 4
    assert "ssh-keygen -y" in missing.err


def test_a_user_without_a_home_is_told_what_fits(hashaudit: Tool, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for home in ("/", "/proc/nobody"):
        done = hashaudit("scan", tmp_path / "tree", "--record", "all", "-o", tmp_path / "out", env={"HOME": home})
        assert done.code == 4
        assert "for a user without a home: name a key with --key" in done.err
        assert "StateDirectory=hashaudit" in done.err
        assert "/bin/.config" not in done.err
