"""Shared helpers of the tests of the compiled index: a builder of images."""

import io
from collections.abc import Callable, Iterable, Sequence

import pytest

from hashaudit.lists.index.builder import IndexBuilder
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.interface import DigestBlock, ListEntry, ListInfo
from hashaudit.model.results import Role

ListContent = tuple[Role, Sequence[ListEntry | DigestBlock]]
Build = Callable[[Iterable[ListContent]], bytes]


def info_of(role: Role) -> ListInfo:
    return ListInfo(name="a list", path="/lists/a", role=role, size=1, sha256="00", mtime_ns=1, format="plain")


def build_image(lists: Iterable[ListContent]) -> bytes:
    target = io.BytesIO()
    with IndexBuilder() as builder:
        for role, items in lists:
            builder.begin(role)
            for item in items:
                if isinstance(item, DigestBlock):
                    builder.add_block(item)
                else:
                    builder.add(item)
            builder.end(info_of(role))
        builder.write(target)
    return target.getvalue()


@pytest.fixture(scope="session")
def build() -> Build:
    return build_image


@pytest.fixture(scope="session")
def index_of() -> Callable[[Iterable[ListContent]], ListIndex]:
    return lambda lists: ListIndex.from_bytes(build_image(lists))
