"""NSRL text, HashKeeper, ILook and ICSE: tables whose header a product fixes."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashaudit.errors import ListError

MD5, SHA1 = hashlib.md5(b"a").hexdigest().upper(), hashlib.sha1(b"a").hexdigest().upper()
EMPTY_MD5 = "D41D8CD98F00B204E9800998ECF8427E"


class Case(msgspec.Struct, frozen=True):
    format: str
    header: str
    row: str
    hashes: dict[str, str]
    labels: dict[str, str]
    size: int | None = None
    id: str = "line 2"
    unsupported: dict[str, str] = {}

    @property
    def delimiter(self) -> str:
        return ";" if ";" in self.header else ","


NSRL_LABELS = {"name": 'a "b", c', "product_code": "1", "system_code": "WIN"}
CASES = [
    Case(
        "nsrl-text",
        '"SHA-1","MD5","CRC32","FileName","FileSize","ProductCode","OpSystemCode","SpecialCode"',
        f'"{SHA1}","{MD5}","CABEC7CD","a ""b"", c",503,1,"WIN",""',
        {"sha1": SHA1, "md5": MD5},
        NSRL_LABELS,
        503,
    ),
    Case(
        "nsrl-text",
        '"SHA-1","FileName","FileSize","ProductCode","OpSystemCode","MD4","MD5","CRC32","SpecialCode"',
        f'"{SHA1}","a ""b"", c",503,1,"WIN","","{MD5}","CABEC7CD",""',
        {"sha1": SHA1, "md5": MD5},
        NSRL_LABELS,
        503,
    ),
    Case(
        "hashkeeper",
        '"file_id","hashset_id","file_name","directory","hash","file_size","date_modified","time_modified",'
        '"time_zone","comments","date_accessed","time_accessed"',
        f'7,236,"a","C:\\","{MD5}",12,"","","","known","",""',
        {"md5": MD5},
        {"set": "236", "name": "a", "directory": "C:\\", "comment": "known"},
        12,
        "7",
    ),
    Case(
        "ilook-1",
        "V1Hash,HashType,SetDescription,FileName,FilePath,FileSize",
        f"{MD5},MD5,Set,a,C:\\,5",
        {"md5": MD5},
        {"set": "Set", "name": "a", "directory": "C:\\"},
        5,
    ),
    Case(
        "ilook-3",
        "V3Hash,HashSHA1,FileName,FilePath,FileSize,HashSHA256,HashSHA384,HashSHA512",
        f"{MD5},{SHA1},a,C:\\,5,{'AB' * 32},,{'CD' * 64}",
        {"md5": MD5, "sha1": SHA1, "sha256": "AB" * 32, "sha512": "CD" * 64},
        {"name": "a", "directory": "C:\\"},
        5,
    ),
    Case(
        "icse",
        "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
        "Number of submissions;File Available;Media Type;Baseline",
        f"{MD5};{SHA1};AAAA;99;y;n;no;S;3;yes;image;t",
        {"md5": MD5, "sha1": SHA1},
        {
            "is_distributed": "y",
            "victim_identified": "n",
            "offender_identified": "no",
            "series": "S",
            "submissions": "3",
            "media_type": "image",
            "baseline": "t",
        },
        None,
        "99",
        {"photodna": "AAAA"},
    ),
]
IDS = [f"{case.format} {number}" for number, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_valid(read: Callable[..., Any], case: Case) -> None:
    result = read(f"{case.header}\r\n{case.row}\r\n".encode())
    assert (result.format, result.strict) == (case.format, True)
    entry = result.entries[0]
    assert {name: raw.hex().upper() for name, raw in entry.digests.items()} == case.hashes
    assert (entry.labels, entry.size, entry.id, entry.unsupported) == (
        case.labels,
        case.size,
        case.id,
        case.unsupported,
    )
    assert result.rejects == []


@pytest.mark.parametrize("case", CASES, ids=IDS)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: row.replace(MD5, MD5[:-1] + "G"), "malformed"),
        (lambda row: row.replace(MD5, MD5[:-2]), "wrong_length"),
        (lambda row: row.replace(MD5, EMPTY_MD5), "empty_input"),
        (lambda row: row + ";x" if ";" in row else row + ",x", "malformed"),
        (lambda _: MD5, "malformed"),
    ],
    ids=["not hex", "too short", "empty", "a field too many", "missing fields"],
)
def test_invalid(read: Callable[..., Any], case: Case, change: Callable[[str], str], reason: str) -> None:
    result = read(f"{case.header}\n{case.row}\n{change(case.row)}\n".encode())
    same_width = change(case.row).count(case.delimiter) == case.row.count(case.delimiter)
    if len(case.hashes) > 1 and same_width and reason != "empty_input":
        # The other hashes of the row are good.
        assert (result.rejects, len(result.entries), len(result.remarks)) == ([], 2, 1)
        return
    assert result.rejects == [(3, reason)]
    assert len(result.entries) == 1


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_separator_at_the_end_of_each_row_is_no_field(read: Callable[..., Any], case: Case) -> None:
    result = read(f"{case.header}\n{case.row}{case.delimiter}\n{case.row}{case.delimiter}{case.delimiter}".encode())
    assert (len(result.entries), result.rejects) == (2, [])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_column_without_a_name_is_neither_id_nor_size(read: Callable[..., Any], case: Case) -> None:
    mark = case.delimiter
    entry = read(f"{case.header}{mark}\n{case.row}{mark}7\n".encode()).entries[0]
    assert (entry.id, entry.size) == (case.id, case.size)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_truncated_row_refuses_the_list(read: Callable[..., Any], case: Case) -> None:
    content = f"{case.header}\n{case.row}\n{case.row}"
    assert len(read(content.encode()).entries) == 2
    with pytest.raises(ListError, match="line 3"):
        read(content[: content.rindex(MD5) + 20].encode())


def test_samples(read_path: Callable[..., Any], samples: Path) -> None:
    nsrl = read_path(samples / "NSRL-2.0.txt")
    assert (nsrl.format, len(nsrl.entries), nsrl.rejects) == ("nsrl-text", 30, [])
    assert nsrl.entries[0].size == 503
    ilook = read_path(samples / "ilookv4.hsh")
    assert (ilook.format, len(ilook.entries), ilook.rejects) == ("ilook-4", 5, [])
    assert list(ilook.entries[0].digests) == ["md5", "sha1"]
