"""Manifests that other programs write of a tree with odd names: bsdtar, NetBSD's mtree, and the library bagit."""

import hashlib
import logging
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hashaudit.lists import list_parser
from hashaudit.lists.list_parser import ListParser
from hashaudit.manifest.load_manifest import load_manifests
from hashaudit.manifest.path_resolution import choose_resolver
from hashaudit.model.results import AlgorithmName

FILES = {
    name: b"content of " + name
    for name in (
        b"plain", b"sub/inner", b"sub/deep/x", b"sp ace", b"tab\tname", b"new\nline", "café".encode(), b"latin\xe9",
        b"back\\slash", b"#hash", b"=eq=ual", b"*glob?[x]", b"-dash", b" lead", b"empty", b"\x01\x7f", b"\x8a\xff",
        b"..dots", b"type=file", b"a,b", b"cr\rx", b"\\M-x", b"\\012", b"$dollar", b"~tilde", b"quo'\"te", b"pipe|&;",
    )
}  # fmt: skip
NO_BAG = (b"latin\xe9", b"\x8a\xff", b"\x01\x7f")
"""Names that the library cannot write, or changes."""


def make(root: Path, names: dict[bytes, bytes]) -> None:
    for name, content in names.items():
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    make(tmp_path / "tree", FILES)
    (tmp_path / "tree" / "empty directory").mkdir()
    (tmp_path / "tree" / "link").symlink_to("plain")
    return tmp_path / "tree"


def loaded(manifest: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[bytes, dict[AlgorithmName, bytes]]:
    """The digests of each path below a root."""
    monkeypatch.setattr(list_parser, "IN_PROCESS", True)
    found: dict[bytes, dict[AlgorithmName, bytes]] = {}
    for one in load_manifests([str(manifest)], ListParser(), None):
        paths = [entry.path for entry in one.entries]
        resolver = choose_resolver(paths, [os.fsencode(root)], os.fsencode(one.path), base=one.base)
        for entry in one.entries:
            path = resolver.resolve(entry.path)
            found.setdefault(os.path.relpath(path, os.fsencode(root)), {}).update(entry.digests)
    return found


def expected(names: dict[bytes, bytes], *algorithms: str) -> dict[bytes, dict[AlgorithmName, bytes]]:
    return {
        name: {AlgorithmName(each): hashlib.new(each, content).digest() for each in algorithms}
        for name, content in names.items()
    }


@pytest.mark.skipif(shutil.which("bsdtar") is None, reason="needs bsdtar (Debian: libarchive-tools)")
@pytest.mark.parametrize("options", ["mtree:sha256", "mtree:sha256,mtree:indent", "mtree:use-set,mtree:sha256"])
def test_bsdtar(options: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tree.parent / "manifest"
    words: list[str | Path] = ["bsdtar", "-cf", manifest, "--format=mtree", f"--options={options}", "."]
    subprocess.run(words, cwd=tree, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"}, stderr=subprocess.DEVNULL)
    assert loaded(manifest, tree, monkeypatch) == expected(FILES, "sha256")


@pytest.mark.skipif(shutil.which("mtree") is None, reason="needs mtree (Debian: mtree-netbsd)")
@pytest.mark.parametrize("flat", ["", "-C", "-D"])
def test_mtree(flat: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("-k", "sha1,sha512,size,type")
    text = subprocess.run(["mtree", "-c", *keys, "-p", tree], check=True, capture_output=True).stdout
    manifest = tree.parent / "manifest"
    manifest.write_bytes(text)
    if flat:
        manifest.write_bytes(subprocess.run(["mtree", flat, *keys], input=text, check=True, capture_output=True).stdout)
    assert loaded(manifest, tree, monkeypatch) == expected(FILES, "sha1", "sha512")


def test_bagit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bagit = pytest.importorskip("bagit", reason="needs bagit")
    monkeypatch.setattr(logging.getLogger("bagit"), "disabled", True)
    names = {name: content for name, content in FILES.items() if name not in NO_BAG}
    names |= {b"50%25 off": b"1", b"50%": b"2", b"a%0Ab": b"3"}
    make(tmp_path / "bag", names)
    del names[b"a%0Ab"]  # the library writes it as it writes the name with a line end
    bagit.make_bag(str(tmp_path / "bag"), checksums=["md5", "sha256"])
    found = loaded(tmp_path / "bag", tmp_path / "bag", monkeypatch)
    payload = {name[len(b"data/") :]: one for name, one in found.items() if name.startswith(b"data/")}
    assert {name: one for name, one in payload.items() if name != b"a\nb"} == expected(names, "md5", "sha256")
    assert {name for name in found if not name.startswith(b"data/")} == {
        *(b"bagit.txt", b"bag-info.txt", b"manifest-md5.txt", b"manifest-sha256.txt")
    }
