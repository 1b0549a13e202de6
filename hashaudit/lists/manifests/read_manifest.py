"""Reads the file of a manifest: detects its format and gives its entries in runs."""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from hashaudit.errors import ListError
from hashaudit.lists.list_file import ListFile
from hashaudit.lists.manifests.checksum_manifest import ChecksumManifest
from hashaudit.lists.manifests.dfxml_manifest import DfxmlManifest
from hashaudit.lists.manifests.hashdeep_manifest import HashdeepManifest
from hashaudit.lists.manifests.jsonl_manifest import JsonlManifest
from hashaudit.lists.manifests.known_list import parse_known
from hashaudit.lists.manifests.manifest_entry import ManifestEntry, ManifestFormat, ManifestInfo
from hashaudit.lists.manifests.mtree_manifest import MtreeManifest
from hashaudit.lists.manifests.table_manifest import TableManifest
from hashaudit.lists.syntax.decompress import decompressed
from hashaudit.lists.syntax.lines import decode_to_utf8, with_head
from hashaudit.model.results import AlgorithmName

FORMATS: tuple[ManifestFormat, ...] = (
    HashdeepManifest(),
    DfxmlManifest(),
    JsonlManifest(),
    MtreeManifest(),
    ChecksumManifest(),
    TableManifest(),
)
"""Formats in the order in which they are tried: those with a signature come before those recognised by shape."""


_RUN_BYTES = 256 << 10
"""Bytes of one run of entries: large enough to hide the cost of a message, and far below the limit of one."""

MAX_MALFORMED = 100
"""Lines without a hash whose numbers are kept."""

_ENTRY_BYTES = 200
"""Bytes of an entry without its path, at most about."""


def read_manifest(
    path: str, algorithm: AlgorithmName | None, take: Callable[[tuple[ManifestEntry, ...]], object]
) -> ManifestInfo:
    """Reads a manifest to its end. It may be compressed with gzip, zstd or zip.

    Args:
        path: of a regular file.
        algorithm: of digests whose algorithm the manifest does not name; ``None``: by their length.
        take: receives the entries in runs.

    Raises:
        ListError: the file cannot be read, its format is not supported, or a line is not an entry.
    """
    with ListFile(path) as file, file.hashed() as stream:
        name, entries = _parsed(decompressed(stream.buffered, path)[0], algorithm)
        _take_in_runs(entries, take)
        return ManifestInfo(name, file.size_bytes, stream.finish())


def read_known(
    path: str, algorithm: AlgorithmName | None, take: Callable[[tuple[ManifestEntry, ...]], object]
) -> ManifestInfo:
    """Reads a list of known hashes to its end; see :func:`read_manifest` and :func:`parse_known`.

    Raises:
        ListError: the file cannot be read, or its format is not supported.
    """
    with ListFile(path) as file, file.hashed() as stream:
        malformed: list[int] = []
        count = 0

        def entries() -> Iterator[ManifestEntry]:
            nonlocal count
            for item in parse_known(decode_to_utf8(decompressed(stream.buffered, path)[0]), algorithm):
                if isinstance(item, ManifestEntry):
                    yield item
                    continue
                count += 1
                if len(malformed) < MAX_MALFORMED:
                    malformed.append(item)

        _take_in_runs(entries(), take)
        return ManifestInfo("known", file.size_bytes, stream.finish(), tuple(malformed), count)


def _take_in_runs(entries: Iterable[ManifestEntry], take: Callable[[tuple[ManifestEntry, ...]], object]) -> None:
    run: list[ManifestEntry] = []
    run_bytes = 0
    for entry in entries:
        run.append(entry)
        run_bytes += len(entry.path) + _ENTRY_BYTES
        if run_bytes >= _RUN_BYTES:
            take(tuple(run))
            run, run_bytes = [], 0
    take(tuple(run))


def _parsed(stream: BinaryIO, algorithm: AlgorithmName | None) -> tuple[str, Iterator[ManifestEntry]]:
    """Returns the name of the format and the entries."""
    head, stream = with_head(decode_to_utf8(stream))
    if not head.strip():
        raise ListError("the manifest is empty")
    for one in FORMATS:
        if one.recognises(head):
            return one.name, one.parse(stream, algorithm)
    raise ListError(
        "unrecognised manifest",
        hint="use a findings file of scan --record all, hashdeep, md5sum to b3sum, a table whose first line names a "
        "path and a digest, DFXML, mtree, or a BagIt directory",
    )
