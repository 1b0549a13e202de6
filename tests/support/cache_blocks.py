"""Changes of a cache that no honest system makes: of the values in its blocks, and of the bytes of a block."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from hashaudit.cache.blocks import KnownFile, files_of, open_block
from hashaudit.cache.database import Row, Store
from hashaudit.cache.hash_cache import rows_of

Change = Callable[[bytes, KnownFile], KnownFile | None]
"""Gets the name and values of a file; returns other values, or ``None`` to remove it."""


def change_files(cache: Path, change: Change) -> None:
    """Changes files of a cache, under seals that hold."""
    with Store(os.fsencode(cache), create=False) as store, store.writing():
        for row in list(store.blocks()):
            changed = {name: change(name, file) for name, file in files_in(row).items()}
            kept = {name: file for name, file in changed.items() if file is not None}
            store.replace((row,), rows_of(row.directory, kept, row.noted, row.first))


def damage_block(cache: Path, name: bytes, *, to_text: bool = False) -> int:
    """Changes one byte of the block with a file, or its type; returns the number of files in it."""
    with Store(os.fsencode(cache), create=False) as store:
        [row] = [row for row in store.blocks() if name in files_in(row)]
    count = len(files_in(row))
    sealed = row.sealed[:20] + bytes([row.sealed[20] ^ 1]) + row.sealed[21:]
    with sqlite3.connect(cache) as connection:
        statement = "UPDATE block SET sealed = ? WHERE directory = ? AND first = ?"
        if to_text:
            statement = "UPDATE block SET sealed = cast(x'ff' || ? AS TEXT) WHERE directory = ? AND first = ?"
        connection.execute(statement, (sealed, row.directory, row.first))
    connection.close()
    return count


def files_in(row: Row) -> dict[bytes, KnownFile]:
    """The files of a block that opens."""
    block = open_block(row.directory, row.sealed)
    assert block is not None
    return files_of(block)
