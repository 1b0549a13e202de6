"""The user's own key, trust store and cache: private under any umask, one key for all, no trust in shared files."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hashaudit.errors import SigningKeyError
from hashaudit.scan import key_policy
from hashaudit.signing.key_files import SigningKey, load_key, new_key
from installed import COMMAND, Tool

JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

MakeList = Callable[..., Path]

LARGE = 140_000
"""Entries of a list that is worth a compiled form in the cache."""

needs_modes = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs owners and modes")
needs_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="gives files to another user")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "file").write_text("content")
    return folder


def modes(home: Path) -> Iterator[tuple[str, int]]:
    for folder, folders, names in os.walk(home):
        for name in folders + names:
            path = Path(folder, name)
            yield str(path.relative_to(home)), stat.S_IMODE(path.lstat().st_mode)


@needs_modes
@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_what_a_first_scan_creates_is_private_under_any_umask(
    umask: int, hashaudit: Tool, tree: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "large"
    listed.write_text("".join(f"{number:064x}\n" for number in range(1, LARGE)))
    result = hashaudit("scan", tree, "--list", f"sha256={listed}", "-q", preexec_fn=lambda: os.umask(umask))
    assert result.code == 0, result.err
    found = dict(modes(hashaudit.home))
    public = found.pop(".config/hashaudit/signing_key.pub")
    assert public & ~0o644 == 0
    assert {".config/hashaudit/signing_key", ".config/hashaudit/allowed_signers", ".cache/hashaudit/lists"} < set(found)
    for name, mode in found.items():
        is_directory = (hashaudit.home / name).is_dir()
        assert mode == 0o700 if is_directory else mode & ~0o600 == 0, name
    assert found[".config/hashaudit/signing_key"] == found[".config/hashaudit/allowed_signers"] == 0o600


@needs_modes
def test_directories_above_a_named_key_are_private_too(hashaudit: Tool, tmp_path: Path) -> None:
    result = hashaudit("keys", "new", tmp_path / "a" / "b" / "key", preexec_fn=lambda: os.umask(0))
    assert result.code == 0, result.err
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b")} == {0o700}


def test_first_scans_that_start_together_share_one_key(hashaudit: Tool, make_list: MakeList, tree: Path) -> None:
    words: list[str | Path] = [COMMAND, "scan", tree, "--list", make_list(b"wanted"), "-q", "-j", "1"]
    scans = [subprocess.Popen(words, env=hashaudit.environment, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = [scan.communicate()[0] for scan in scans]
    assert [scan.returncode for scan in scans] == [0] * 4
    folder = hashaudit.home / ".config" / "hashaudit"
    assert sorted(os.listdir(folder)) == ["allowed_signers", "signing_key", "signing_key.pub"]
    assert len((folder / "allowed_signers").read_text().splitlines()) == 1
    for out in outputs:
        findings = tree.parent / "findings"
        findings.write_bytes(out)
        assert hashaudit("verify", findings).code == 0


@pytest.fixture
def findings(hashaudit: Tool, make_list: MakeList, tree: Path, tmp_path: Path) -> Path:
    output = tmp_path / "findings"
    assert hashaudit("scan", tree, "--list", make_list(b"wanted"), "-o", output, "-q").code == 0
    assert hashaudit("verify", output).code == 0
    return output


STORE = ".config/hashaudit/allowed_signers"
OWN_PLACES = (".config", ".config/hashaudit", STORE)


@needs_modes
def test_a_trust_store_that_others_can_write_is_refused(hashaudit: Tool, findings: Path) -> None:
    for name in OWN_PLACES:
        for right in (0o020, 0o002):
            path = hashaudit.home / name
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | right)
            for words in (("--identity", "*"),) if right == 0o020 else ((),):
                result = hashaudit("verify", findings, *words)
                assert result.code == 4
                assert f"can write '{path}'" in result.err
                assert "\nhint: check what it holds, then run chown and chmod go-w" in result.err
            path.chmod(mode)
    (hashaudit.home / STORE).chmod(0o666)
    assert hashaudit("verify", findings, "--allowed-signers", hashaudit.home / STORE).code == 0
    (hashaudit.home / STORE).chmod(0o600)
    assert hashaudit("verify", findings).code == 0


@needs_root
def test_a_trust_store_of_another_user_is_refused(hashaudit: Tool, findings: Path) -> None:
    for name in OWN_PLACES:
        os.chown(hashaudit.home / name, 65534, 65534)
        result = hashaudit("verify", findings)
        assert result.code == 4
        assert f"owns or can write '{hashaudit.home / name}'" in result.err
        os.chown(hashaudit.home / name, 0, 0)


@needs_modes
def test_the_place_that_a_link_leads_to_counts_too(hashaudit: Tool, findings: Path, tmp_path: Path) -> None:
    own = hashaudit.home / ".config" / "hashaudit"
    elsewhere = tmp_path / "shared" / "store"
    elsewhere.parent.mkdir()
    shutil.move(own, elsewhere)
    own.symlink_to(elsewhere)
    assert hashaudit("verify", findings).code == 0
    elsewhere.parent.chmod(0o777)
    result = hashaudit("verify", findings)
    assert result.code == 4
    assert f"can write '{elsewhere.parent}'" in result.err
    elsewhere.parent.chmod(0o1777)  # as /tmp: nobody else can rename what is in it
    assert hashaudit("verify", findings).code == 0


def test_a_link_to_no_trust_store_is_not_an_absent_one(hashaudit: Tool, findings: Path) -> None:
    store = hashaudit.home / ".config" / "hashaudit" / "allowed_signers"
    store.unlink()
    store.symlink_to("nowhere")
    assert hashaudit("verify", findings).code == 4


def test_a_scan_takes_the_key_that_another_has_just_created(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    create = key_policy.create_key
    made = []

    def be_second(path: str) -> SigningKey:
        made.append(create(path))
        return create(path)

    monkeypatch.setattr(key_policy, "create_key", be_second)
    key = key_policy.load_signer(key_policy.Signing(), lambda _: None)
    assert key is not None
    assert [key.fingerprint] == [one.fingerprint for one in made]


def test_a_key_is_complete_as_soon_as_it_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []
    sync = os.fsync

    def look(descriptor: int) -> None:
        seen.append([path.name for path in tmp_path.iterdir() if not path.name.endswith(".partial")])
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    new_key(str(tmp_path / "key"), "")
    assert seen == [[], ["key"]]
    assert sorted(os.listdir(tmp_path)) == ["key", "key.pub"]


def test_a_filesystem_without_hard_links_holds_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_paths: bytes) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    key = new_key(str(tmp_path / "key"), "")
    assert load_key(str(tmp_path / "key")).fingerprint == key.fingerprint
    with pytest.raises(SigningKeyError, match="already exists"):
        new_key(str(tmp_path / "key"), "")
    assert sorted(os.listdir(tmp_path)) == ["key", "key.pub"]
