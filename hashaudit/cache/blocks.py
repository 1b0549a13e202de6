"""Blocks of a cache: the values of files with neighbouring names in one directory, sealed together.

One row, one seal and one message for some hundred files cost a fraction of one for each. The seal binds a block to its
directory, and each value in it to a name and a state, so that damage to a cache, or a block in the wrong place, is
detected before use.
"""

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from hashaudit.cache.values import Values, length_of
from hashaudit.lazy import lazy
from hashaudit.model.entry import Stat
from hashaudit.model.times import TimeNs

BLOCK_ENTRIES = 128
BLOCK_BYTES = 32 << 10
"""Most files of a block, and bytes of names and values from which the next one begins. A change of one file rewrites
its block."""

_ENTRY_BYTES = 48
"""Bytes of a file besides its name and values, about."""

_SEAL_BYTES = 16


class CachedEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One file: its state, and the values of its content."""

    inode: int
    size: int
    mtime_ns: TimeNs
    ctime_ns: TimeNs
    recipes: int
    """Position of its numbers of fingerprints in :attr:`Block.recipes`."""
    run: int
    """Position of the scan that read the content in :attr:`Block.runs`."""
    seen: int
    """Day since the epoch on which a scan last saw the file, accurate to a week."""
    values: tuple[bytes, ...]
    """One for each of the numbers, in their order."""

    def is_of(self, stat: Stat) -> bool:
        """Returns whether the file is in the state in which it was read."""
        return (
            self.inode == stat.inode
            and self.size == stat.size
            and self.mtime_ns == stat.mtime_ns
            and self.ctime_ns == stat.ctime_ns
        )


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Files of one directory."""

    runs: tuple[str, ...]
    """Identifiers of the scans that read them."""
    recipes: tuple[tuple[int, ...], ...]
    """Numbers of fingerprints under which they have values: each combination once, in the order of the values."""
    entries: dict[bytes, CachedEntry]
    """By cache name."""


class KnownFile(msgspec.Struct, frozen=True):
    """One file of a block, by itself."""

    stat: tuple[int, int, TimeNs, TimeNs]
    """Inode, size, mtime and ctime."""
    run_id: str
    seen: int
    values: Values

    @property
    def length_bytes(self) -> int:
        """About what it adds to a block."""
        return _ENTRY_BYTES + length_of(self.values)


PlainEntry = tuple[int, int, TimeNs, TimeNs, int, int, int, tuple[bytes, ...]]
"""A :class:`CachedEntry` of the first scan and the first numbers of its block."""


class _Head(msgspec.Struct, array_like=True):
    runs: tuple[str, ...]


_ENCODER = msgspec.msgpack.Encoder()
_BLOCKS = lazy(lambda: msgspec.msgpack.Decoder(Block))
_HEADS = lazy(lambda: msgspec.msgpack.Decoder(_Head))


def seal_block(directory: bytes, block: Block) -> bytes:
    """Returns a block, sealed for a directory by its key."""
    content = _ENCODER.encode(block)
    return _seal_of(directory, content) + content


def open_block(directory: bytes, sealed: bytes) -> Block | None:
    """Returns a block, or ``None`` if it is damaged or belongs to another directory."""
    content = sealed[_SEAL_BYTES:]
    if sealed[:_SEAL_BYTES] != _seal_of(directory, content):
        return None
    try:
        block = _BLOCKS.decode(content)
    except msgspec.DecodeError:
        return None
    return block if _is_whole(block) else None


@functools.lru_cache(maxsize=64)
def runs_of(sealed: bytes) -> tuple[str, ...]:
    """Returns the scans that a block names, without opening it; none if it is damaged."""
    try:
        return _HEADS.decode(memoryview(sealed)[_SEAL_BYTES:]).runs
    except msgspec.DecodeError:
        return ()


def plain_file(entry: PlainEntry, numbers: Sequence[int], run_id: str) -> KnownFile:
    """Returns a file that :func:`seal_plain` would take, by itself."""
    *state, _, _, seen, values = entry
    return KnownFile(tuple(state), run_id, seen, dict(zip(numbers, values, strict=True)))  # type: ignore[arg-type] # four


def seal_plain(
    directory: bytes, run_id: str, numbers: tuple[int, ...], files: Mapping[bytes, PlainEntry]
) -> list[tuple[bytes, bytes]] | None:
    """Returns sealed blocks with files of one scan and the first name of each, as :func:`blocks_of` makes them.

    Returns ``None`` if blocks of as many files as possible were too long.

    Args:
        directory: key of the directory.
        run_id: the scan.
        numbers: of the fingerprints of all files.
        files: by cache name.
    """
    # Most files of a first scan come here. So nothing is made for a single one.
    names = sorted(files)
    found = []
    for first in range(0, len(names), BLOCK_ENTRIES):
        part = names[first : first + BLOCK_ENTRIES]
        content = _ENCODER.encode(((run_id,), (numbers,), {name: files[name] for name in part}))
        if len(content) > BLOCK_BYTES:
            return None
        found.append((part[0], _seal_of(directory, content) + content))
    return found


def files_of(block: Block) -> dict[bytes, KnownFile]:
    """Returns the files of a block by name."""
    return {
        name: KnownFile(
            (entry.inode, entry.size, entry.mtime_ns, entry.ctime_ns),
            block.runs[entry.run],
            entry.seen,
            dict(zip(block.recipes[entry.recipes], entry.values, strict=True)),
        )
        for name, entry in block.entries.items()
    }


def blocks_of(files: dict[bytes, KnownFile]) -> Iterator[tuple[bytes, Block]]:
    """Yields blocks with all of these files, and the first name of each, in the order of names."""
    part: list[bytes] = []
    part_bytes = 0
    for name in sorted(files):
        length = len(name) + files[name].length_bytes
        if part and (len(part) == BLOCK_ENTRIES or part_bytes + length > BLOCK_BYTES):
            yield part[0], _block(part, files)
            part, part_bytes = [], 0
        part.append(name)
        part_bytes += length
    if part:
        yield part[0], _block(part, files)


def _block(names: Iterable[bytes], files: dict[bytes, KnownFile]) -> Block:
    runs: dict[str, int] = {}
    recipes: dict[tuple[int, ...], int] = {}
    entries = {}
    for name in names:
        file = files[name]
        numbers = tuple(file.values)
        entries[name] = CachedEntry(
            *file.stat,
            recipes.setdefault(numbers, len(recipes)),
            runs.setdefault(file.run_id, len(runs)),
            file.seen,
            tuple(file.values.values()),
        )
    return Block(tuple(runs), tuple(recipes), entries)


def _is_whole(block: Block) -> bool:
    """Returns whether all numbers in a block stand for something in it."""
    lengths = [len(numbers) for numbers in block.recipes]
    runs = len(block.runs)
    return all(
        0 <= entry.recipes < len(lengths) and lengths[entry.recipes] == len(entry.values) and 0 <= entry.run < runs
        for entry in block.entries.values()
    )


def _seal_of(directory: bytes, content: bytes) -> bytes:
    # The key of a directory has a fixed length: it cannot run into the content.
    return hashlib.blake2b(directory + content, digest_size=_SEAL_BYTES).digest()
