import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.interface import ParseOptions
from hashaudit.model.results import AlgorithmName, Role

MD5, SHA1 = hashlib.md5(b"a").hexdigest(), hashlib.sha1(b"a").hexdigest()
SHA256 = hashlib.sha256(b"a").hexdigest()
OTHER = hashlib.md5(b"b").hexdigest()

VALID = {
    "comma": (f"md5,name\n{MD5},a\n", {"md5": MD5}, {"name": "a"}),
    "semicolon": (f"MD5;Series;Category\n{MD5.upper()};S;1\n", {"md5": MD5}, {"series": "S", "category": "1"}),
    "tab": (f"sha-1\tFile Name\n{SHA1}\ta,b\n", {"sha1": SHA1}, {"name": "a,b"}),
    "quoted": (f'"SHA256","comment"\n"{SHA256}","a ""b"", c\nd"\n', {"sha256": SHA256}, {"comment": 'a "b", c\nd'}),
    "one column": (f"SHA-1\n{SHA1}\n", {"sha1": SHA1}, {}),
    "several hashes": (f"md5_hash,sha256_hash\n{MD5},{SHA256}\n", {"md5": MD5, "sha256": SHA256}, {}),
    "a missing hash": (f"md5,sha1\n,{SHA1}\n", {"sha1": SHA1}, {}),
    "untyped": (f"hash,tlp\n{SHA1},amber\n", {"sha1": SHA1}, {"tlp": "amber"}),
    "typed by another column": (f"hash,algorithm\n{SHA256},BLAKE3\n", {"blake3": SHA256}, {}),
    "unknown columns": (f"md5,What Ever\n{MD5},x\n", {"md5": MD5}, {"what_ever": "x"}),
    "comments first": (f"# made today\n\nmd5,score\n{MD5},7\n", {"md5": MD5}, {"score": "7"}),
    "windows": (f"\ufeffmd5,family\r\n{MD5},F\r\n", {"md5": MD5}, {"family": "F"}),
    "spaces": (f"md5 , name\n {MD5} , a\n", {"md5": MD5}, {"name": "a"}),
}

INVALID = {
    "no hash": (",a", "unsupported"),
    "all zeros": (f"{'0' * 32},a", "unsupported"),
    "placeholder": ("N/A,a", "unsupported"),
    "not hex": (f"{MD5[:-1]}g,a", "malformed"),
    "another length": (f"{SHA1},a", "wrong_length"),
    "empty input": ("d41d8cd98f00b204e9800998ecf8427e,a", "empty_input"),
}


@pytest.mark.parametrize(("content", "hashes", "labels"), VALID.values(), ids=VALID)
def test_valid(read: Callable[..., Any], content: str, hashes: dict[str, str], labels: dict[str, str]) -> None:
    result = read(content.encode())
    assert (result.format, result.strict) == ("table", False)
    assert result.hashes == [hashes]
    assert result.labels == [labels]
    assert result.rejects == []


@pytest.mark.parametrize(("line", "reason"), INVALID.values(), ids=INVALID)
def test_invalid(read: Callable[..., Any], line: str, reason: str) -> None:
    result = read(f"md5,name\n{MD5},a\n{line}\n{MD5},b\n".encode())
    assert result.rejects == [(3, reason)]
    assert result.ids == ["line 2", "line 4"]


@pytest.mark.parametrize(("line", "reason"), INVALID.values(), ids=INVALID)
def test_a_last_row_without_line_end_that_is_not_an_entry_is_truncated(
    read: Callable[..., Any], line: str, reason: str
) -> None:
    content = f"md5,name\n{MD5},a\n{line}".encode()
    if reason != "wrong_length":
        assert read(content).rejects == [(3, reason)]
        return
    with pytest.raises(ListError, match="line 3: the last row is truncated"):
        read(content)


@pytest.mark.parametrize("line", [MD5, MD5[:-2] + ",a", MD5[:-1] + ",a", MD5[:5]])
def test_a_last_row_without_line_end_and_with_less_than_the_others_is_truncated(
    read: Callable[..., Any], line: str
) -> None:
    with pytest.raises(ListError, match="line 3: the last row is truncated"):
        read(f"md5,name\n{MD5},a\n{line}".encode())


@pytest.mark.parametrize(
    ("line", "remark"),
    [(MD5, "a row has fewer fields than the header"), (f"{MD5},a,b", "a row has more fields than the header")],
)
def test_a_row_of_another_width_keeps_its_hash(read: Callable[..., Any], line: str, remark: str) -> None:
    result = read(f"md5,name\n{MD5},a\n{line}\n{MD5},b,\n".encode())
    assert (result.hashes, result.remarks) == ([{"md5": MD5}] * 3, [remark])


def test_a_hash_truncated_to_the_length_of_another_is_refused(read: Callable[..., Any]) -> None:
    assert len(read(f"name,hash\na,{SHA1}\nb,{SHA1}".encode()).entries) == 2
    with pytest.raises(ListError, match="line 3: the last row is truncated"):
        read(f"name,hash\na,{SHA1}\nb,{SHA1[:32]}".encode())


@pytest.mark.parametrize(
    "line", [f'{MD5},"a', f'"{MD5}', f'{MD5},a "b', f'{MD5},"a" b', f'{MD5},"a,b', '"a"b",c', f'"{MD5}"x,a']
)
def test_a_broken_quote_swallows_no_other_row(read: Callable[..., Any], line: str) -> None:
    result = read(f'md5,name\n{MD5},a\n{line}\n{OTHER},a\n{OTHER},"b"\n'.encode())
    assert result.hashes[-2:] == [{"md5": OTHER}] * 2
    assert result.ids[-2:] == ["line 4", "line 5"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_line_of_a_quoted_field_is_no_comment_and_no_row(delimiter: str, read: Callable[..., Any]) -> None:
    names = ["a\n#b", "#c\n# d\n#", "e\n\n#"]
    lines = [f"name{delimiter}sha1", "# a comment, also with a hash: " + "77" * 20]
    lines += [f'"{name}"{delimiter}{number:040x}' for number, name in enumerate(names, 1)]
    result = read("".join(f"{line}\n" for line in [*lines, "#end"]).encode())
    assert [(entry.labels["name"], int(entry.digests["sha1"].hex(), 16)) for entry in result.entries] == [
        (name, number) for number, name in enumerate(names, 1)
    ]
    assert not result.rejects


def test_a_quote_that_is_never_closed_swallows_no_other_row(read: Callable[..., Any]) -> None:
    rows = "".join(f"{OTHER},n{number}\n" for number in range(1000))
    assert len(read(f'md5,name\n{MD5},"a\n{rows}'.encode()).entries) == 1001
    names = "".join(f"n{number}\n" for number in range(1000))
    assert len(read(f'md5,name\n{MD5},"a\n{names}{MD5},b\n'.encode()).entries) == 2


def test_all_columns_of_hashes_are_read_or_told(read: Callable[..., Any]) -> None:
    assert read(f"md5,md5,sha256,hash\n{MD5},{OTHER},{SHA256},{SHA256}\n".encode()).hashes == [
        {"md5": MD5, "sha256": SHA256},
        {"md5": OTHER},
    ]
    result = read(f"Seen,Hash,Payload Hash,\n1,{MD5},{OTHER},{SHA256}\n".encode())
    assert result.hashes == [{"md5": MD5}]
    assert [remark.partition(" holds")[0] for remark in result.remarks] == ["column 'Payload Hash'", "column 4"]
    assert read(f"name,sha256\na,{SHA256} {SHA256[::-1]}\n".encode()).hashes == [
        {"sha256": SHA256},
        {"sha256": SHA256[::-1]},
    ]


@pytest.mark.parametrize(
    ("header", "kinds"),
    [
        ("Indicator_type,Data,Note", ["sha256", "SHA-256", "sha_256", "SHA256 hash", "sha256_hash"]),
        ("Indicator,Data,Notes", ["sha256", "hash", "FileSha256"]),
        ("Indicator type,Indicator,Description", ["FileHash-SHA256", "file hash"]),
        ("IndicatorType,IndicatorValue,Action", ["FileSha256"]),
        ('# "ioc_type","ioc_value","x"', ["sha256_hash"]),
        ("any,thing,else", ["sha256", "hashes.SHA-256"]),
        ("type,value,comment", ["sha256", "filename|sha256", "malware-sample|sha256"]),
    ],
)
def test_tables_of_kinds_and_values(read: Callable[..., Any], header: str, kinds: list[str]) -> None:
    rows = [f'"{kind}", "{"n|" if "|" in kind else ""}{SHA256}", "c"' for kind in kinds]
    result = read("\n".join([header, '"domain", "evil.example", "c"', *rows, f"mystery,{MD5},d", ""]).encode())
    assert (result.format, result.hashes) == ("table", [{"sha256": SHA256}] * len(kinds))
    assert ("what looks like a hash has an unknown kind" in result.details) is True
    assert {reason for _, reason in result.rejects} == {"unsupported"}


def test_unmarked_rows_of_a_misp_export_are_told(read: Callable[..., Any]) -> None:
    content = f'uuid,type,value,to_ids\n"u","md5","{MD5}",1\n"v","md5","{OTHER}",0\n'.encode()
    result = read(content)
    assert (result.hashes, result.details) == ([{"md5": MD5}], ["not marked for detection"])
    assert len(read(content, ParseOptions(include_unmarked=True)).entries) == 2


def test_titles_above_the_column_names_are_counted(read: Callable[..., Any]) -> None:
    result = read(f"Report of today\n\nmd5,name\n{MD5},a\n".encode())
    assert (result.hashes, result.rejects) == ([{"md5": MD5}], [(1, "malformed")])


@pytest.mark.parametrize(("header", "row"), [("value,type", f"{MD5},md5"), ("type,value", f"md5,{MD5}")])
def test_a_title_above_a_table_of_kinds(read: Callable[..., Any], header: str, row: str) -> None:
    result = read(f"Report of today\n{header},seen\n{row},n\n".encode())
    assert (result.hashes, result.labels, result.rejects) == ([{"md5": MD5}], [{"seen": "n"}], [(1, "malformed")])


def test_one_bad_hash_leaves_the_good_ones(read: Callable[..., Any]) -> None:
    result = read(f"md5,sha1\n{MD5}0,{SHA1}\nn/a,{SHA1}\n{SHA1},{SHA1}\n{MD5}0,\n".encode())
    assert result.hashes == [{"sha1": SHA1}] * 3
    assert result.rejects == [(5, "malformed")]
    assert len(result.remarks) == 3


def test_a_bad_hash_without_an_algorithm_is_reported_beside_good_ones(read: Callable[..., Any]) -> None:
    kept = "; the entry keeps its other hashes"
    rows = f"{MD5},{SHA1}0,note\n{MD5},x{SHA1}y,n/a\n,{SHA1}0,{SHA1}\n,{SHA1}0,\n"
    result = read(f"md5,hash,checksum\n{rows}".encode())
    assert result.hashes == [{"md5": MD5}, {"md5": MD5}, {"sha1": SHA1}]
    odd, text = f"a hash has an odd number of digits{kept}", f"a hash is not hexadecimal{kept}"
    assert result.remarks == [odd, text, text, odd]
    assert result.rejects == [(5, "malformed")]
    # Values of other kinds are no bad hashes.
    assert read(f"md5,type,value\n{MD5},domain,evil.example\n".encode()).remarks == []


def test_a_hash_that_a_headerless_table_has_besides_is_reported(read: Callable[..., Any]) -> None:
    result = read(f"md5,{MD5},{SHA1}\nmd5,{OTHER},x\n".encode())
    assert (result.hashes, len(result.remarks)) == ([{"md5": MD5}, {"md5": OTHER}], 1)
    assert result.remarks[0].startswith("column 3 holds what looks like hashes")


@pytest.mark.parametrize("cut", [20, 21, 32])
@pytest.mark.parametrize("header", ["md5,sha1", "md5,hash", "V3Hash,FileName,FilePath,FileSize,HashSHA1"])
def test_a_row_that_is_truncated_in_its_second_hash_refuses_the_list(
    read: Callable[..., Any], header: str, cut: int
) -> None:
    middle = "a,b,1," if "V3" in header else ""
    content = f"{header}\n{MD5},{middle}{SHA1}\n{OTHER},{middle}{SHA1[:cut]}"
    if (header, cut) == ("md5,hash", 32):
        assert len(read(content.encode()).entries) == 3  # the length of an MD5
        return
    with pytest.raises(ListError, match=r"line 3: the last (row|line) is truncated"):
        read(content.encode())


@pytest.mark.parametrize("size", ["9" * 19, "9" * 400, str(1 << 63)])
def test_a_size_beyond_64_bits_is_not_used(read: Callable[..., Any], size: str) -> None:
    result = read(f"md5,size\n{MD5},{size}\n".encode())
    assert (result.entries[0].size, result.remarks) == (None, ["a size is over 63 bits and is not used"])


def test_a_line_over_the_limit_refuses_the_list(read: Callable[..., Any]) -> None:
    with pytest.raises(ListError, match="line 2: the line is over the limit"):
        read(f"md5,name\n{MD5},{'x' * 70000}\n".encode())


def test_a_row_over_several_lines_has_the_number_of_its_first(read: Callable[..., Any]) -> None:
    assert read(f'md5,name\n{MD5},"a\nb\nc"\n\n{MD5},d\n'.encode()).ids == ["line 2", "line 6"]


def test_id_size_and_unmatched_hashes_are_stored(read: Callable[..., Any]) -> None:
    entry = read(f"MediaID,MD5,FileSize,PhotoDNA\n17,{MD5},6,AAAA\n18,{MD5},unknown,\n".encode()).entries
    assert (entry[0].id, entry[0].size, entry[0].unsupported) == ("17", 6, {"photodna": "AAAA"})
    assert (entry[1].id, entry[1].size, entry[1].unsupported) == ("18", None, {})


def test_a_row_with_nothing_to_match_is_counted(read: Callable[..., Any]) -> None:
    assert read(f"md5,photodna\n{MD5},\n,AAAA\n".encode()).rejects == [(3, "unsupported")]
    assert read(f"hash,algorithm\n{MD5},md5\nAAAA,photodna\n".encode()).rejects == [(3, "unsupported")]


@pytest.mark.parametrize("row", [f",{MD5}", f"{MD5},", f"n/a,{MD5}", f"{MD5},n/a"])
@pytest.mark.parametrize("header", ["md5,hash", "hash,md5"])
def test_an_empty_column_beside_one_of_the_same_algorithm_is_no_record(
    read: Callable[..., Any], header: str, row: str
) -> None:
    done = read(f"{header}\n{row}\n".encode())
    assert (done.hashes, done.rejects) == ([{"md5": MD5}], [])


def test_mapped_columns_leave_nothing_to_guess(read: Callable[..., Any]) -> None:
    columns = {"h1": "md5", "Grade": "classification", "State": "role", "No": "id"}
    content = f"no,H1,md5,grade,state\n7,{MD5},x,B,known\n8,{MD5},x,,\n9,{MD5},x,A,other\n"
    result = read(content.encode(), ParseOptions(columns=columns))
    assert result.hashes == [{"md5": MD5}] * 2
    assert result.ids == ["7", "8"]
    assert result.labels == [{"classification": "B"}, {}]
    assert [entry.role for entry in result.entries] == [Role.KNOWN, None]
    assert result.rejects == [(4, "malformed")]


def test_a_map_leaves_lists_of_other_formats_alone(read: Callable[..., Any]) -> None:
    options = ParseOptions(columns={"h1": "md5"})
    assert read(f"{SHA1}\n".encode(), options).format == "plain"
    assert read(f"MD5;SHA1;PhotoDNA;Image ID\n{MD5};;;1\n".encode(), options).format == "icse"
    assert read(f"MD5;SHA1;PhotoDNA;Image ID;H1\n;;;1;{MD5}\n".encode(), options).format == "table"


def test_columns_by_position_need_no_header(read: Callable[..., Any]) -> None:
    result = read(f"{SHA1};x;2\n{SHA1}\n".encode(), ParseOptions(columns={"1": "sha1", "3": "category"}))
    assert result.ids == ["line 1", "line 2"]
    assert result.labels == [{"category": "2"}, {}]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": "sha265"}, "invalid field for a mapped column: 'sha265'"),
        ({"a": ""}, "invalid field for a mapped column: ''"),
        ({"b": "md5"}, "missing from the first line: 'b'"),
        ({"0": "md5"}, "from 1"),
        ({"a": "name"}, "names no column of hashes"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(read: Callable[..., Any], columns: dict[str, str], message: str) -> None:
    with pytest.raises(ListError, match=message):
        read(f"a\n{MD5}\n".encode(), ParseOptions(columns=columns))


def test_an_untyped_column_follows_the_stated_algorithm(read: Callable[..., Any]) -> None:
    options = ParseOptions(algorithm=AlgorithmName("pdq"))
    assert read(f"hash,name\n{SHA256},a\n".encode(), options).hashes == [{"pdq": SHA256}]
    with pytest.raises(ListError, match="names other algorithms"):
        read(f"sha256,name\n{SHA256},a\n".encode(), options)


def test_a_table_where_every_hash_is_half_set_asks(read_path: Callable[..., Any], samples: Path) -> None:
    with pytest.raises(ListError, match="PDQ or SHA-256"):
        read_path(samples / "PDQMD5TestData.csv")
    result = read_path(samples / "PDQMD5TestData.csv", ParseOptions(algorithm=AlgorithmName("pdq")))
    assert [next(iter(hashes)) for hashes in result.hashes] == ["pdq"] * 16
    assert [reason for _, reason in result.rejects] == ["wrong_length"] * 2


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(st.binary(min_size=20, max_size=20).filter(any), CELL), min_size=1), st.sampled_from(",;\t"))
def test_written_lists_are_read_back(
    read: Callable[..., Any], written: list[tuple[bytes, str]], delimiter: str
) -> None:
    lines = [f"sha1{delimiter}name"]
    lines += [raw.hex() + delimiter + '"' + name.replace('"', '""') + '"' for raw, name in written]
    result = read("".join(line + "\n" for line in lines).encode())
    assert [entry.digests["sha1"] for entry in result.entries] == [raw for raw, _ in written]
    # A line end within a label is a line feed, as lines end by either.
    expected = [name.replace("\r\n", "\n").strip() for _, name in written]
    assert [entry.labels.get("name", "") for entry in result.entries] == expected
