"""Compares the files of a scan with manifests, and makes the records of an audit."""

import os
from collections.abc import Callable, Iterator, Sequence

import msgspec

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.manifest.comparison import Comparison, Difference, Observed
from hashaudit.manifest.load_manifest import LoadedManifest
from hashaudit.manifest.path_resolution import PathResolver, choose_resolver
from hashaudit.model import paths
from hashaudit.model.faults import Stage
from hashaudit.model.location import is_below
from hashaudit.model.member_path import MEMBER_MARK, member_path
from hashaudit.model.results import AlgorithmName
from hashaudit.record import timestamps
from hashaudit.record.entry_path import content_size, file_path, member_names
from hashaudit.record.fields import large
from hashaudit.record.header import ManifestSource
from hashaudit.record.schema import AuditRecord, ExpectedFile, FaultRecord, FileRecord, FindingRecord, FoundFile
from hashaudit.record.verify.trust import Trust
from hashaudit.sources.interface import RootDescription


class AuditOptions(msgspec.Struct, frozen=True):
    """The choices of an audit besides those of a scan."""

    base: bytes | None = None
    """Directory that relative paths of the manifest are below; ``None``: the one where most of them exist."""
    prefix: bytes | None = None
    """Directory to remove from absolute paths of the manifest."""
    ignores_case: bool = False
    """Names that differ only in case are equal."""
    takes_members: bool = False
    """Compare the members of containers too."""


class AuditRequest(msgspec.Struct, frozen=True):
    """A comparison of the files of a scan with manifests."""

    manifests: tuple[str, ...]
    """Paths, or ``ALGO=PATH`` for digests whose algorithm the manifest does not name."""
    trust: Trust = None
    """Signers whose signatures on manifests count."""
    options: AuditOptions = AuditOptions()


class Auditor:
    """The comparison of one scan. It takes every record, and gives the differences at the end.

    Args:
        manifests: as loaded. Their entries are taken out, because two copies would need twice the memory.
        roots: the tree.
        options: the choices of the audit.
    """

    def __init__(
        self, manifests: Sequence[LoadedManifest], roots: Sequence[RootDescription], options: AuditOptions
    ) -> None:
        self._comparison = Comparison(ignores_case=options.ignores_case)
        self._takes_members = options.takes_members
        directories = [root.path for root in roots]
        self.sources = tuple(self._take(one, directories, options) for one in manifests)
        """The manifests for the header."""
        own = [os.path.realpath(os.fsencode(one.path)) for one in manifests]
        self.own_paths = frozenset(path for path in own if not self._comparison.expects(path))
        """Manifests that have no entry of themselves, for the walk to skip."""
        self.own_files = frozenset(map(_identity, self.own_paths))
        """Device and inode of the same files."""

    @property
    def outside(self) -> int:
        """Number of entries outside of every root. They are not compared."""
        return sum(source.outside for source in self.sources)

    @property
    def matched(self) -> int:
        """Number of files that agree with the manifests."""
        return self._comparison.matched

    def observe(self, record: FindingRecord | FaultRecord | FileRecord) -> None:
        """Takes the record of a file or a directory."""
        if record.entry.within and not self._takes_members:
            return
        path = member_path(file_path(record.entry), member_names(record.entry))
        if self._takes_members and (record.faults or (record.container is not None and not record.container.opened)):
            # Some of its members may exist and are not seen.
            self._comparison.fail_directory(path + MEMBER_MARK[:1])
        if isinstance(record, FaultRecord) and record.directory:
            self._comparison.fail_directory(path)
        elif record.state is None or not _is_whole(record):
            self._comparison.fail(path)
        else:
            digests = {AlgorithmName(name): bytes.fromhex(value) for name, value in record.digests.items()}
            self._comparison.observe(Observed(path, digests, content_size(record)))

    def conclude(self, clock_ns: Callable[[], int]) -> Iterator[AuditRecord]:
        """Returns the record of every difference, in the order of paths. The scan has ended.

        From then on, :attr:`matched` is complete.
        """
        differences = self._comparison.differences(_may_exist)
        return (record_of(difference, clock_ns()) for difference in differences)

    def _take(self, manifest: LoadedManifest, roots: Sequence[bytes], options: AuditOptions) -> ManifestSource:
        entries = manifest.entries
        resolver = choose_resolver(
            [entry.path for entry in entries],
            roots,
            os.fsencode(manifest.path),
            base=options.base if options.base is not None else manifest.base,
            prefix=options.prefix if options.prefix is not None else manifest.prefix,
        )
        count, outside = len(entries), 0
        while entries:
            entry = entries.pop()
            path, member = resolver.resolve_member(entry.path)
            # Without members, an entry whose container is a file is not compared. Otherwise it is a file that is gone.
            is_ignored = member and not self._takes_members and os.path.isfile(path)
            if any(is_below(path, root) for root in roots) and not is_ignored:
                self._comparison.expect(path + member, entry)
            else:
                outside += 1
        return _source(manifest, resolver, count, outside)


def _is_whole(record: FindingRecord | FaultRecord | FileRecord) -> bool:
    """Returns whether the digests are of the whole content: a fault of its members leaves them right."""
    return not record.faults or (bool(record.digests) and all(one.stage is Stage.UNPACK for one in record.faults))


def _identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _may_exist(path: bytes) -> bool:
    """Returns whether there is anything at a path, or whether that cannot be found out."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _source(manifest: LoadedManifest, resolver: PathResolver, count: int, outside: int) -> ManifestSource:
    path, path_uri = paths.to_text(os.fsencode(manifest.path))
    base, base_uri = paths.to_text(resolver.base)
    return ManifestSource(
        path=path,
        path_uri=path_uri,
        format=manifest.info.format,
        size=large(manifest.info.size),
        sha256=manifest.info.sha256,
        entries=count,
        run_id=manifest.run_id,
        signed_by=manifest.signed_by,
        base=base,
        base_uri=base_uri,
        removed_prefix=paths.to_text(resolver.prefix)[0] if resolver.prefix else None,
        outside=outside,
    )


def record_of(difference: Difference, time_ns: int = 0) -> AuditRecord:
    """Returns the record of a difference.

    Args:
        difference: between a tree and a manifest.
        time_ns: now, nanoseconds since the epoch.
    """
    path, path_uri = paths.to_text(difference.path)
    observed = difference.observed
    return AuditRecord(
        time=timestamps.to_text(time_ns),
        outcome=difference.outcome,
        path=path,
        path_uri=path_uri,
        expected=None if difference.expected is None else _expected(difference.expected),
        found=None if observed is None else FoundFile(size=_size(observed.size), digests=_hex(observed.digests)),
        note=difference.note,
    )


def _expected(entry: ManifestEntry) -> ExpectedFile:
    path, path_uri = paths.to_text(entry.path)
    return ExpectedFile(path=path, path_uri=path_uri, size=_size(entry.size), digests=_hex(entry.digests))


def _size(size: int | None) -> int | str | None:
    return None if size is None else large(size)


def _hex(digests: dict[AlgorithmName, bytes]) -> dict[AlgorithmName, str]:
    return {name: value.hex() for name, value in sorted(digests.items())}
