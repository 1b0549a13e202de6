"""How tests read a list: from bytes to entries and rejects."""

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.interface import (
    DigestBlock,
    ListEntry,
    ListItem,
    ListMeta,
    OpenedList,
    ParseOptions,
    Rejected,
    Remark,
)
from hashaudit.lists.open_list import open_stream


class Read(msgspec.Struct):
    """A list read to its end, its blocks taken apart."""

    format: str
    strict: bool
    entries: list[ListEntry] = []
    rejects: list[tuple[int, str]] = []
    details: list[str] = []
    meta: ListMeta | None = None
    remarks: list[str] = []

    @property
    def hashes(self) -> list[dict[str, str]]:
        return [{name: raw.hex() for name, raw in entry.digests.items()} for entry in self.entries]

    @property
    def ids(self) -> list[str]:
        return [entry.id for entry in self.entries]

    @property
    def labels(self) -> list[dict[str, str]]:
        return [entry.labels for entry in self.entries]

    def add(self, item: ListItem) -> None:
        if isinstance(item, ListEntry):
            self.entries.append(item)
            self.remarks += item.remarks
        elif isinstance(item, DigestBlock):
            length = LENGTHS_BYTES[item.algorithm]
            assert item.digests
            assert len(item.digests) % length == 0
            for number, start in enumerate(range(0, len(item.digests), length), item.first_line):
                digest = item.digests[start : start + length]
                self.entries.append(ListEntry(id=f"line {number}", digests={item.algorithm: digest}))
        elif isinstance(item, Rejected):
            self.rejects.append((item.line, str(item.reason)))
            self.details.append(item.detail)
        elif isinstance(item, Remark):
            self.remarks.append(item.text)
        else:
            assert self.meta is None
            self.meta = item


def _read(opened: OpenedList) -> Read:
    result = Read(opened.format, opened.strict)
    for item in opened.items:
        result.add(item)
    return result


@pytest.fixture(scope="session")
def read() -> Callable[..., Read]:
    """Reads a list of bytes."""

    def reader(content: bytes, options: ParseOptions | None = None) -> Read:
        return _read(open_stream(io.BytesIO(content), options or ParseOptions()))

    return reader


@pytest.fixture(scope="session")
def read_path() -> Callable[..., Read]:
    """Reads a list at a path."""

    def reader(path: Path | str, options: ParseOptions | None = None) -> Read:
        with open(path, "rb") as stream:
            return _read(open_stream(stream, options or ParseOptions(), str(path)))

    return reader


@pytest.fixture(scope="session")
def samples() -> Path:
    """The directory of sample lists."""
    return Path(__file__).parents[1] / "data" / "lists"
