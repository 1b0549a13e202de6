"""The keys of a bucket from an S3 Inventory, for buckets whose listing takes longer than their reading.

Source: Amazon S3 User Guide, "Amazon S3 Inventory" and "Locating your inventory list". A ``manifest.json`` names CSV
files packed with gzip, without header lines, with URL-encoded keys, and names their columns. Their order is arbitrary.
"""

import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import unquote_to_bytes

import msgspec

from hashaudit.host.files import open_regular
from hashaudit.model.entry import ObjectState, is_versioned
from hashaudit.model.faults import FaultCode
from hashaudit.model.paths import for_terminal
from hashaudit.objectstores.conclusive_states import is_strong
from hashaudit.objectstores.fetch import MAX_OBJECT_BYTES, fetch_object
from hashaudit.objectstores.interface import ListedObject, StoreError
from hashaudit.objectstores.store_registry import Stores
from hashaudit.objectstores.url import BucketRoot, parse_root

PAGE_KEYS = 1000

_NEEDED = ("Key", "Size", "LastModifiedDate", "ETag")
_ARN = "arn:aws:s3:::"
_NS_PER_MS = 1_000_000


class DataFile(msgspec.Struct, frozen=True):
    """One file of an inventory."""

    key: str
    checksum: str = msgspec.field(name="MD5checksum")


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """The content of ``manifest.json``."""

    source_bucket: str
    destination_bucket: str
    file_format: str
    file_schema: str
    files: tuple[DataFile, ...]


class Inventory:
    """Provides the keys of an inventory.

    Args:
        manifest: a local path, or an ``s3://`` URL.
        stores: for reading it from a URL.
        all_versions: include versions that are not current, and delete markers.
    """

    def __init__(self, manifest: bytes, stores: Stores, *, all_versions: bool = False) -> None:
        self._path = manifest
        self._stores = stores
        self._all_versions = all_versions

    @property
    def in_order(self) -> bool:
        """False, because the files have their own order and a listing cannot start within it."""
        return False

    def pages(self, root: BucketRoot, after: bytes | None = None) -> Iterator[list[ListedObject]]:  # noqa: ARG002 # never given: not in order
        """Implements :class:`hashaudit.sources.buckets.KeyList`.

        Raises:
            StoreError: a part of the inventory cannot be read; its keys are unseen.
        """
        manifest = self._manifest()
        if (root.bucket.scheme, root.bucket.name) != ("s3", manifest.source_bucket):
            said = f"the inventory is of s3://{manifest.source_bucket}, not of {root.bucket.path.decode()}"
            raise StoreError(FaultCode.FILE_REPLACED, said)
        keys = (item for item in self._all(manifest) if item.key.startswith(root.prefix))
        while page := list(islice(keys, PAGE_KEYS)):
            yield page

    def _all(self, manifest: Manifest) -> Iterator[ListedObject]:
        columns = tuple(column.strip() for column in manifest.file_schema.split(","))
        lacking = [column for column in _NEEDED if column not in columns]
        if lacking:
            raise StoreError(FaultCode.IO_ERROR, f"the inventory has no columns: {', '.join(lacking)}")
        for file in manifest.files:
            for row in _rows(self._data(manifest, file), file.key):
                listed = self._listed(dict(zip(columns, row, strict=False)), file.key)
                if listed is not None:
                    yield listed

    def _manifest(self) -> Manifest:
        data = self._read(self._path)
        try:
            manifest = msgspec.json.decode(data, type=Manifest)
        except msgspec.DecodeError as error:
            raise StoreError(
                FaultCode.IO_ERROR, f"not an inventory manifest: '{for_terminal(self._path)}'; {error}"
            ) from error
        if manifest.file_format.upper() != "CSV":
            raise StoreError(
                FaultCode.IO_ERROR,
                f"unsupported inventory format (not CSV): '{manifest.file_format}'",
            )
        return manifest

    def _data(self, manifest: Manifest, file: DataFile) -> bytes:
        data = self._read(self._place(manifest, file))
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != file.checksum.lower():
            raise StoreError(FaultCode.CHECKSUM_MISMATCH, f"the checksum of '{file.key}' differs from the manifest")
        return data

    def _place(self, manifest: Manifest, file: DataFile) -> bytes:
        """Returns the location of a data file: in the bucket that the manifest names, or a copy beside the manifest."""
        key = os.fsencode(file.key)
        if parse_root(self._path) is not None:
            return b"s3://" + os.fsencode(manifest.destination_bucket.removeprefix(_ARN)) + b"/" + key
        directory = os.path.dirname(os.path.abspath(self._path))
        name = os.path.basename(key)
        places = [os.path.join(directory, *below, name) for below in ((), (b"data",), (b"..", b"data"))]
        return next((place for place in places if os.path.exists(place)), places[0])

    def _read(self, place: bytes) -> bytes:
        url = parse_root(place)
        if url is not None:
            return fetch_object(self._stores.of(url.bucket.scheme), url.bucket, url.prefix)
        try:
            with open_regular(place) as file:
                data = file.read(MAX_OBJECT_BYTES + 1)
        except OSError as error:
            raise StoreError(FaultCode.IO_ERROR, f"cannot read: '{for_terminal(place)}'; {error.strerror}") from error
        if len(data) > MAX_OBJECT_BYTES:
            raise StoreError(
                FaultCode.TOO_MANY_BYTES,
                f"too large: '{for_terminal(place)}'; limit {MAX_OBJECT_BYTES} bytes",
            )
        return data

    def _listed(self, row: dict[str, str], file: str) -> ListedObject | None:
        """Parses a row. Returns ``None`` for a version that was not requested."""
        try:
            deleted = row.get("IsDeleteMarker") == "true"
            if not self._all_versions and (deleted or row.get("IsLatest") == "false"):
                return None
            modified = datetime.fromisoformat(row["LastModifiedDate"]).astimezone(UTC)
            version = row.get("VersionId") or None
            state = ObjectState(
                size=int(row["Size"] or 0),
                etag=row["ETag"].strip('"'),
                last_modified_ns=int(modified.timestamp() * 1000) * _NS_PER_MS,
                version=version,
                storage_class=row.get("StorageClass") or None,
                # It is the state of up to a week ago. Only a version cannot have been overwritten since.
                is_conclusive=is_versioned(version) and is_strong(row["ETag"]),
            )
            return ListedObject(unquote_to_bytes(row["Key"].replace("+", " ")), state, deleted)
        except (KeyError, ValueError) as error:
            raise StoreError(FaultCode.IO_ERROR, f"a row does not match the manifest: '{file}'") from error


def _rows(data: bytes, name: str) -> Iterator[list[str]]:
    packed = io.BytesIO(data)
    file = gzip.GzipFile(fileobj=packed) if name.endswith(".gz") else packed
    try:
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            yield from csv.reader(text)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise StoreError(FaultCode.IO_ERROR, f"cannot read: '{name}'; {type(error).__name__}") from error
