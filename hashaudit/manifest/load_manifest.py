"""Loads manifests: findings files, BagIt directories, and the formats of other programs."""

import os
import re
from collections.abc import Sequence

import msgspec

from hashaudit.errors import FindingsError, ListError
from hashaudit.lists.algorithms import algorithm_named
from hashaudit.lists.list_parser import ListParser
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestInfo
from hashaudit.manifest.findings_manifest import is_findings_file, read_findings
from hashaudit.model.paths import for_terminal
from hashaudit.model.results import AlgorithmName
from hashaudit.record.verify.trust import Trust

BAGIT_MARK = "bagit.txt"
_BAG_MANIFEST = re.compile(r"(?:tag)?manifest-([a-z0-9]+)\.txt")
_BAG_ESCAPE = re.compile(rb"%(0[AaDd]|25)")
_BAG_LINE_END = re.compile(rb"%(0[AaDd])")


class LoadedManifest(msgspec.Struct, frozen=True):
    """A manifest with all its entries."""

    path: str
    info: ManifestInfo
    entries: list[ManifestEntry]
    base: bytes | None = None
    """The directory that its relative paths are below, if the format states it."""
    prefix: bytes | None = None
    """The directory that its absolute paths begin with, if the format states it."""
    run_id: str | None = None
    """The scan that wrote it, if it is a findings file."""
    signed_by: str | None = None
    """Fingerprint of the key that signed it, if the signer is trusted."""
    warnings: tuple[str, ...] = ()


def load_manifests(
    names: Sequence[str], parser: ListParser, trust: Trust, *, takes_members: bool = False
) -> list[LoadedManifest]:
    """Loads manifests in order.

    Args:
        names: paths, or ``ALGO=PATH`` for digests whose algorithm the manifest does not name.
        parser: reads the formats of other programs.
        trust: whose signatures on findings files count.
        takes_members: members of containers in findings files are entries too.

    Raises:
        ListError: a manifest cannot be used.
        HostError: the sandbox of the parser is incomplete and is required.
    """
    specs = [_Named(*_split(name)) for name in names]
    parts = [part for spec in specs for part in _parts(spec)]
    foreign = [part for part in parts if not is_findings_file(part.path)]
    if foreign:
        parser.begin_manifests([part.path for part in foreign])
    return [_load(part, parser, trust, takes_members=takes_members) for part in parts]


class _Named(msgspec.Struct, frozen=True):
    path: str
    algorithm: AlgorithmName | None
    is_bag: bool = False


def _split(name: str) -> tuple[str, AlgorithmName | None]:
    stated, found, path = name.partition("=")
    algorithm = algorithm_named(stated) if found else None
    return (name, None) if algorithm is None or os.path.exists(name) else (path, algorithm)


def _parts(spec: _Named) -> list[_Named]:
    """Returns the files of a manifest: itself, or those of a BagIt directory."""
    directory = spec.path if os.path.isdir(spec.path) else os.path.dirname(spec.path)
    is_bag = os.path.isfile(os.path.join(directory, BAGIT_MARK))
    if not os.path.isdir(spec.path):
        match = _BAG_MANIFEST.fullmatch(os.path.basename(spec.path)) if is_bag else None
        return [spec] if match is None else [_Named(spec.path, algorithm_named(match[1]), is_bag=True)]
    found = [(name, match) for name in sorted(os.listdir(directory)) if (match := _BAG_MANIFEST.fullmatch(name))]
    if not is_bag or not found:
        raise ListError(
            f"cannot use manifest: '{for_terminal(os.fsencode(spec.path))}'; a directory that is not a BagIt bag",
            hint="name the file of the manifest",
        )
    return [_Named(os.path.join(directory, name), algorithm_named(match[1]), is_bag=True) for name, match in found]


def _load(part: _Named, parser: ListParser, trust: Trust, *, takes_members: bool) -> LoadedManifest:
    if is_findings_file(part.path):
        return _from_findings(part.path, trust, takes_members=takes_members)
    entries: list[ManifestEntry] = []
    info = parser.read_manifest(part.path, part.algorithm, entries.extend)
    if not part.is_bag:
        return LoadedManifest(part.path, info, entries)
    base = os.fsencode(os.path.dirname(os.path.realpath(part.path)))
    entries = [msgspec.structs.replace(entry, path=_unescaped(entry.path, base)) for entry in entries]
    return LoadedManifest(part.path, msgspec.structs.replace(info, format="bagit"), entries, base)


def _from_findings(path: str, trust: Trust, *, takes_members: bool) -> LoadedManifest:
    try:
        read = read_findings(path, trust, takes_members=takes_members)
    except FindingsError as error:
        raise ListError(
            f"cannot use manifest: '{for_terminal(os.fsencode(path))}'; {error}", hint=error.hint
        ) from error
    return LoadedManifest(
        path,
        read.info,
        read.entries,
        prefix=read.root,
        run_id=read.run_id,
        signed_by=read.signed_by,
        warnings=read.warnings,
    )


def _unescaped(path: bytes, base: bytes) -> bytes:
    """Returns a path of BagIt without its escapes: RFC 8493 section 2.1.3 encodes CR, LF and the percent sign.

    Some programs do not encode the percent sign, such as the Python library bagit 1.9. The name that exists is then
    the right one.
    """
    unescaped = _BAG_ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path)
    if b"%25" not in path or os.path.lexists(os.path.join(base, unescaped)):
        return unescaped
    literal = _BAG_LINE_END.sub(lambda match: bytes((int(match[1], 16),)), path)
    return literal if os.path.lexists(os.path.join(base, literal)) else unescaped
