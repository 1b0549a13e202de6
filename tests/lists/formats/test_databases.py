"""NSRL RDS version 3 and Autopsy's hash database."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.errors import ListError

MD5, SHA1 = "B1946AC92492D2347C6235B4D2611184", "F572D396FAE9206628714FB2CE00F72E94F2258F"
SHA256 = "5891B5B522D5DF086D0FF0B110FBD9D21BB4FC7163AF34D08286A2E846F6BE03"
ROW = (SHA256, SHA1, MD5, "a", 6)

FULL = "CREATE TABLE METADATA (metadata_id INTEGER, file_name, bytes INTEGER, md5, sha1, sha256)"
MINIMAL = (
    "CREATE TABLE FILE (sha256, sha1, md5, crc32, file_name, file_size INTEGER, package_id INTEGER,"
    " PRIMARY KEY (sha256, sha1, md5, crc32, file_name, file_size, package_id))"
)
KDB = """
CREATE TABLE db_properties (name TEXT NOT NULL, value TEXT);
CREATE TABLE hashes (id INTEGER PRIMARY KEY AUTOINCREMENT, md5 BINARY(16) UNIQUE, sha1 BINARY(20), sha2_256 BINARY(32));
CREATE TABLE file_names (name TEXT NOT NULL, hash_id INTEGER NOT NULL);
CREATE TABLE comments (comment TEXT NOT NULL, hash_id INTEGER NOT NULL);
"""


def make(path: Path, schema: str, statement: str = "", rows: list[tuple[Any, ...]] | None = None) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(schema)
        if statement:
            connection.executemany(statement, rows or [])
        connection.commit()
    return path


def minimal(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    return make(path, MINIMAL, "INSERT INTO FILE VALUES (?, ?, ?, '', ?, ?, 1)", rows)


def full(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    statement = "INSERT INTO METADATA (sha256, sha1, md5, file_name, bytes) VALUES (?, ?, ?, ?, ?)"
    return make(path, FULL, statement, rows)


@pytest.mark.parametrize("build", [minimal, full])
def test_rds(read_path: Callable[..., Any], tmp_path: Path, build: Callable[[Path, Any], Path]) -> None:
    result = read_path(build(tmp_path / "rds", [ROW]))
    assert (result.format, result.strict) == ("nsrl-sqlite", True)
    assert result.hashes == [{"sha256": SHA256.lower(), "sha1": SHA1.lower(), "md5": MD5.lower()}]
    assert (result.entries[0].size, result.entries[0].labels, result.ids) == (6, {"name": "a"}, ["row 1"])


def test_one_file_under_many_names_is_one_entry_in_a_minimal_set(read_path: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(*ROW[:3], name, 6) for name in ("b", "a", "c")]
    assert len(read_path(minimal(tmp_path / "rds", rows)).entries) == 1
    assert len(read_path(full(tmp_path / "full", rows)).entries) == 3


@pytest.mark.parametrize("build", [minimal, full])
@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("", "", "", "a", 6), "unsupported"),
        ((SHA256[:-1] + "G", "", "", "a", 6), "malformed"),
        ((SHA256[:-2], "", "", "a", 6), "wrong_length"),
        ((SHA256, SHA1, "D41D8CD98F00B204E9800998ECF8427E", "a", 0), "empty_input"),
        (("", b"\xff\x00", "", "a", 6), "malformed"),
    ],
)
def test_rds_rejects(
    read_path: Callable[..., Any],
    tmp_path: Path,
    build: Callable[[Path, Any], Path],
    row: tuple[Any, ...],
    reason: str,
) -> None:
    assert [reason_found for _, reason_found in read_path(build(tmp_path / "rds", [row])).rejects] == [reason]


@pytest.mark.parametrize("bad", [SHA256[:-1] + "G", SHA256[:-2], "n/a", "0" * 64])
def test_one_bad_hash_of_a_row_leaves_the_others(read_path: Callable[..., Any], tmp_path: Path, bad: str) -> None:
    (entry,) = read_path(minimal(tmp_path / "rds", [(bad, SHA1, MD5, "a", 6)])).entries
    assert [*entry.digests] == ["sha1", "md5"]
    assert len(entry.remarks) == 1


def test_names_and_sizes_of_any_type_pass(read_path: Callable[..., Any], tmp_path: Path) -> None:
    rows = [(*ROW[:3], b"a\xff", -1), ("AB" * 32, None, None, None, "many")]
    entries = read_path(full(tmp_path / "rds", rows)).entries
    assert [(entry.size, entry.labels) for entry in entries] == [(None, {"name": "a\\xff"}), (None, {})]


def test_sample_says_its_version(read_path: Callable[..., Any], samples: Path) -> None:
    result = read_path(samples / "rds_v3_minimal_synthetic.db")
    assert (result.meta.name, result.meta.version, result.meta.date) == (
        "NSRL RDS 3 modern minimal",
        "2026.03.1",
        "2026-03-01",
    )
    assert len(result.entries) == 2
    assert [reason for _, reason in result.rejects] == ["empty_input"]


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE other (md5)",
        "CREATE TABLE real (file_name, bytes, md5, sha1, sha256); CREATE VIEW METADATA AS SELECT * FROM real",
        "CREATE VIRTUAL TABLE METADATA USING fts5(md5, sha1, sha256, file_name, bytes)",
    ],
    ids=["another table", "a view", "a virtual table"],
)
def test_only_tables_of_the_format_are_read(read_path: Callable[..., Any], tmp_path: Path, schema: str) -> None:
    with pytest.raises(ListError, match="unrecognised database format"):
        read_path(make(tmp_path / "other", schema))


def test_damage_is_refused(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = minimal(tmp_path / "rds", [(f"{number:064X}", SHA1, MD5, "a", 6) for number in range(3000)])
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], content[:100], content[:8192] + bytes(len(content) - 8192)):
        path.write_bytes(damaged)
        with pytest.raises(ListError, match="cannot read"):
            read_path(path)


def test_a_schema_that_is_not_text_is_refused(read_path: Callable[..., Any], samples: Path, tmp_path: Path) -> None:
    content = (samples / "rds_v3_minimal_synthetic.db").read_bytes()
    for old, new in ((b"CREATE TABLE", b"CRE\xff\xfeTABLE"), (b"CREATE INDEX", b"CRE\xff\xfeINDEX")):
        if old in content:
            (tmp_path / "rds").write_bytes(content.replace(old, new.ljust(len(old), b" ")))
            with pytest.raises(ListError, match="cannot read the database"):
                read_path(tmp_path / "rds")


@given(st.data())
@settings(max_examples=60)
def test_any_damage_is_read_or_refused(
    read_path: Callable[..., Any], samples: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray((samples / "rds_v3_minimal_synthetic.db").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        # Page headers and the schema are at the beginnings of pages.
        page = data.draw(st.integers(0, len(content) // 4096 - 1))
        content[page * 4096 + data.draw(st.integers(0, 4095))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "rds"
    path.write_bytes(content[: data.draw(st.integers(4096, len(content)))])
    with contextlib.suppress(ListError):
        assert all(entry.digests for entry in read_path(path).entries)


def test_a_value_over_the_limit_is_refused(read_path: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ListError, match="cannot read"):
        read_path(full(tmp_path / "rds", [(*ROW[:3], "x" * ((1 << 20) + 1), 6)]))


def test_a_journal_beside_it_means_that_something_is_missing(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = minimal(tmp_path / "rds", [ROW])
    (tmp_path / "rds-wal").write_bytes(b"x")
    with pytest.raises(ListError, match="journal"):
        read_path(path)


def test_reading_leaves_no_files(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = minimal(tmp_path / "a b?#%.db", [ROW])
    before = path.read_bytes()
    path.chmod(0o400)
    assert len(read_path(path).entries) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_database_as_a_stream_is_refused(read: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ListError, match="as a stream"):
        read(minimal(tmp_path / "rds", [ROW]).read_bytes())


def kdb(path: Path, version: str = "1") -> Path:
    make(path, KDB, "INSERT INTO db_properties VALUES ('Schema Version', ?)", [(version,)])
    with closing(sqlite3.connect(path)) as connection:
        values = [(bytes.fromhex(MD5), None, None), (None, bytes.fromhex(SHA1), bytes.fromhex(SHA256))]
        connection.executemany("INSERT INTO hashes (md5, sha1, sha2_256) VALUES (?, ?, ?)", values)
        connection.executemany("INSERT INTO file_names VALUES (?, ?)", [("b", 1), ("a", 1)])
        connection.execute("INSERT INTO comments VALUES ('seen', 2)")
        connection.commit()
    return path


def test_kdb(read_path: Callable[..., Any], tmp_path: Path) -> None:
    result = read_path(kdb(tmp_path / "x"))
    assert (result.format, result.strict) == ("kdb", True)
    assert result.hashes == [{"md5": MD5.lower()}, {"sha1": SHA1.lower(), "sha256": SHA256.lower()}]
    assert result.labels == [{"name": "a"}, {"comment": "seen"}]
    assert result.ids == ["row 1", "row 2"]


def test_a_kdb_with_a_short_hash(read_path: Callable[..., Any], tmp_path: Path) -> None:
    path = kdb(tmp_path / "x")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE hashes SET md5 = x'00' WHERE id = 1")
        connection.commit()
    assert read_path(path).rejects == [(1, "wrong_length")]


def test_a_kdb_of_another_schema_is_refused(read_path: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(ListError, match="schema"):
        read_path(kdb(tmp_path / "x", version="2"))
    path = kdb(tmp_path / "y")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE comments")
        connection.commit()
    with pytest.raises(ListError, match="no table comments"):
        read_path(path)


@pytest.mark.skipif(which("hfind") is None, reason="hfind is not installed")
def test_reads_what_hfind_makes(read_path: Callable[..., Any], tmp_path: Path) -> None:
    for arguments in (["-c", "x.kdb"], ["-a", "x.kdb", MD5.lower()]):
        subprocess.run(["hfind", *arguments], cwd=tmp_path, capture_output=True, check=True)
    assert read_path(tmp_path / "x.kdb").hashes == [{"md5": MD5.lower()}]
