"""Databases of the sqlite3 module: every blob is found, named by its place, whatever the layout of its table."""

import random
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from hashaudit.content.containers.first_bytes import sniff
from hashaudit.content.containers.sqlite_columns import Column, stored_columns
from hashaudit.content.containers.sqlite_log import read_sqlite_log
from hashaudit.content.containers.sqlite_reader import read_sqlite
from hashaudit.model.containers import ContainerKind
from inside_lab import examine, sha256
from reader_lab import damaged, read

NUMBERS = random.Random(11)
SIZES = (0, 1, 300, 477, 478, 479, 3000, 4060, 4061, 4062, 70_000)


def database(path: Path, *statements: str, **settings: object) -> bytes:
    """Returns a database with a table of every layout, and what further statements do to it."""
    with closing(sqlite3.connect(path)) as connection:
        for name, value in settings.items():
            connection.execute(f"PRAGMA {name}={value}")
        connection.executescript(
            """
            CREATE TABLE "odd ""name" (id INTEGER PRIMARY KEY, [a b] BLOB, text TEXT, n REAL DEFAULT (1), c);
            CREATE INDEX i ON "odd ""name" (c);
            CREATE TABLE keyed (v BLOB, w INT, k TEXT, PRIMARY KEY (k, w)) WITHOUT ROWID;
            CREATE TABLE made (x BLOB, y AS (length(x)), z GENERATED ALWAYS AS (hex(x)) STORED);
            CREATE VIEW seen AS SELECT * FROM keyed;
            CREATE TABLE empty (a);
            """
        )
        for number, size in enumerate(SIZES):
            row = (NUMBERS.randbytes(size), "t" * 10, 1.5, NUMBERS.randbytes(20))
            connection.execute('INSERT INTO "odd ""name" VALUES (?, ?, ?, ?, ?)', (number * 10_000_019 - 40, *row))
            connection.execute(
                "INSERT INTO keyed VALUES (?, ?, ?)", (NUMBERS.randbytes(size), number, f"k{number}" * 40)
            )
            connection.execute("INSERT INTO made VALUES (?)", (NUMBERS.randbytes(size // 2),))
        connection.execute('INSERT INTO "odd ""name" VALUES (5, ?, ?, ?, NULL)', ("text in a blob column", "t", 0))
        for statement in statements:
            connection.executescript(statement)
        connection.commit()
    return path.read_bytes()


def blobs(path: Path) -> dict[str, bytes]:
    """Returns the blobs that the library reads, by their place."""
    found: dict[str, bytes] = {}
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute('SELECT id, CAST("a b" AS BLOB), c FROM "odd ""name"')
        for key, first, second in rows:
            found[f'odd "name/{key}/a b'] = first
            if second is not None:
                found[f'odd "name/{key}/c'] = second
        for number, (value,) in enumerate(connection.execute("SELECT v FROM keyed ORDER BY k, w")):
            found[f"keyed/{number}/v"] = value
        for key, x in connection.execute("SELECT rowid, x FROM made"):
            found[f"made/{key}/x"] = x
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"page_size": 512},
        {"page_size": 4096, "encoding": "'UTF-16le'"},
        {"page_size": 65536, "encoding": "'UTF-16be'", "auto_vacuum": 2},
        {"journal_mode": "wal"},
    ],
)
def test_blobs_are_those_of_the_library(tmp_path: Path, settings: dict[str, object]) -> None:
    path = tmp_path / "a.db"
    data = database(path, **settings)
    found = read(read_sqlite, data)
    assert found.faults == []
    assert {name.decode(): content for name, content in found.members} == blobs(path)
    assert len(found.members) == len(blobs(path))


def test_rows_of_a_tree_with_levels_come_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size=512")
        connection.execute("CREATE TABLE t (a, b)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((b"%d" % n, "x" * 30) for n in range(3000)))
        connection.execute("DELETE FROM t WHERE rowid % 7 = 0")
        connection.execute("CREATE TABLE w (k INT PRIMARY KEY, b) WITHOUT ROWID")
        connection.executemany("INSERT INTO w VALUES (?, ?)", ((n, b"w%d" % n) for n in range(2000)))
        connection.commit()
    found = read(read_sqlite, path.read_bytes())
    assert found.faults == []
    of_t = [b"%d" % n for n in range(3000) if (n + 1) % 7]
    assert [content for name, content in found.members if name.startswith(b"t/")] == of_t
    assert [content for name, content in found.members if name.startswith(b"w/")] == [b"w%d" % n for n in range(2000)]


def test_a_chain_names_the_blob(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database(path)
    found = examine(path)
    assert found.codes == []
    for place, content in blobs(path).items():
        assert found.digests[place.encode(),] == sha256(content)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("CREATE TABLE t(a,b BLOB NOT NULL,c LONGBLOB)", [("a", False), ("b", True), ("c", True)]),
        ("create table t (`a``b` int check (a<>',)'), -- ,\n 'c' /* , */ blob)", [("a`b", False), ("c", True)]),
        ("CREATE TABLE t (a BLOB, b, PRIMARY KEY (b DESC)) WITHOUT ROWID, STRICT", [("b", False), ("a", True)]),
        ("CREATE TABLE t (a, b AS (a||1) VIRTUAL, c AS (1) STORED)", [("a", False), ("c", False)]),
        ("CREATE TABLE t (a DEFAULT 'BLOB', CONSTRAINT x UNIQUE (a))", [("a", False)]),
        ("CREATE VIRTUAL TABLE t USING fts5", []),
        ("", []),
        ("CREATE TABLE t (" + "(" * 5000, [("(", False)]),
    ],
)  # fmt: skip
def test_columns_of_statements(sql: str, columns: list[tuple[str, bool]]) -> None:
    assert stored_columns(sql) == [Column(name, is_blob) for name, is_blob in columns]


def test_loops_and_overlaps_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size=512")
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", ((bytes([n]) * 5000,) for n in range(9)))
        connection.commit()
    data = bytearray(path.read_bytes())
    pages = len(data) // 512
    overflow = [n for n in range(2, pages) if data[n * 512 + 4 : n * 512 + 9] == b"\x03" * 5]
    data[overflow[1] * 512 : overflow[1] * 512 + 4] = struct.pack(">I", overflow[0] + 1)
    found = read(read_sqlite, bytes(data))
    assert (len(found.members), found.faults) == (8, ["damaged"])
    looping = bytearray(path.read_bytes())
    looping[512 + 8 : 512 + 12] = struct.pack(">I", 2)
    assert read(read_sqlite, bytes(looping)).faults[-1] == "damaged"


def test_a_table_with_a_long_statement_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 1 << 22)
        connection.execute(f"CREATE TABLE t (a /* {'x' * (1 << 20)} */)")
        connection.execute("INSERT INTO t VALUES (?)", (b"blob",))
        connection.commit()
    assert read(read_sqlite, path.read_bytes()) == ([(b"t/1/column0", b"blob")], [])


def test_logs_hold_what_is_not_written_yet(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA page_size=1024")
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB)")
        connection.execute("CREATE TABLE w (k PRIMARY KEY, v BLOB) WITHOUT ROWID")
        connection.execute("INSERT INTO t VALUES (1, ?)", (b"old" * 900,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in (7, 8, -2):
            connection.execute("INSERT INTO t VALUES (?, ?)", (number, b"%d" % number * 1500))
            connection.execute("INSERT INTO w VALUES (?, ?)", (number, b"w%d" % number))
            connection.commit()
        data = path.with_name("a.db-wal").read_bytes()
        assert sniff(data[:4096]) is ContainerKind.SQLITE_LOG
        assert read(read_sqlite, path.read_bytes()).contents == {b"old" * 900}
    found = read(read_sqlite_log, data)
    assert found.contents >= {b"%d" % number * 1500 for number in (7, 8, -2)} | {b"w7", b"w8", b"w-2"}
    assert found.faults == ["incomplete"], "the first row has pages in the database alone"
    assert any(name.endswith(b"/7/column1") for name in found.names)
    for mutant in damaged(data, 60):
        if len(mutant) > 4:
            read(read_sqlite_log, mutant)
    assert "damaged" in read(read_sqlite_log, data[:-100]).faults


def test_cut_and_changed_databases_end_and_are_told(tmp_path: Path) -> None:
    data = database(tmp_path / "a.db", page_size=512)
    for mutant in damaged(data, 150):
        if mutant[:16] == data[:16]:
            read(read_sqlite, mutant)
    for end in range(200, len(data) - 1, 20_011):
        assert "damaged" in read(read_sqlite, data[:end]).faults
    assert read(read_sqlite, data[:50]).faults == ["damaged"]
