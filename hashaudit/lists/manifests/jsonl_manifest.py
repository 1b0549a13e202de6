"""Manifests in the JSON lines of ``hash --format jsonl``: one object for each file, with exact paths and members."""

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.model.member_path import member_path
from hashaudit.model.paths import from_text
from hashaudit.model.results import AlgorithmName

_BEGINNING = b'{"entry":{'


class _Member(msgspec.Struct):
    name: str
    name_uri: str | None = None
    size: int | str | None = None


class _Entry(msgspec.Struct):
    path: str
    path_uri: str | None = None
    within: list[_Member] = []


class _State(msgspec.Struct):
    size: int | str | None = None


class _Line(msgspec.Struct):
    entry: _Entry
    digests: dict[str, str]
    state: _State | None = None
    piece: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_DECODER = msgspec.json.Decoder(_Line)


class JsonlManifest:
    """Reader of JSON lines."""

    name = "jsonl"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line begins as one of this program."""
        return head.lstrip().startswith(_BEGINNING)

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:  # noqa: ARG002 - the lines name the algorithms
        """Yields an entry for each line.

        Raises:
            ListError: a line is not an entry; see :meth:`ManifestFormat.parse`.
        """
        for number, line, _ in numbered_lines(stream):
            if line is None:
                raise malformed(number, "a line over the limit")
            if line.strip():
                yield _entry(number, line)


def _entry(number: int, line: bytes) -> ManifestEntry:
    try:
        found = _DECODER.decode(line)
        within = found.entry.within
        file = from_text(found.entry.path, found.entry.path_uri)
        path = member_path(file, (from_text(one.name, one.name_uri) for one in within))
        state = within[-1] if within else found.state
        size = None if state is None or state.size is None else int(state.size)
    except (msgspec.MsgspecError, FindingsError, ValueError, RecursionError):
        raise malformed(number, "not a JSON object of a file") from None
    if found.piece is not msgspec.UNSET:
        raise malformed(number, "the hash of a piece of a file, not of a file")
    return ManifestEntry(path, digests_of(number, found.digests.items()), size)
