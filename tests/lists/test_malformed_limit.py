import gzip
import hashlib
from pathlib import Path

import pytest

from hashaudit.errors import ListError
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.lists.malformed_limit import DEFAULT_LIMIT, malformed_limit
from hashaudit.lists.tolerance import Tolerance
from hashaudit.model.results import AlgorithmName


def plain(good: int, bad: int) -> str:
    return "".join(hashlib.md5(b"%d" % number).hexdigest() + "\n" for number in range(good)) + "bad line\n" * bad


@pytest.mark.parametrize(
    ("read", "allowed"),
    [(1, 1), (5, 1), (100, 1), (199, 1), (200, 2), (5_000, 50), (10_000, 100), (10_001, 100), (10**7, 100)],
)
def test_the_default_is_one_in_a_hundred_and_at_most_a_hundred(read: int, allowed: int) -> None:
    assert DEFAULT_LIMIT.allowed(read) == allowed


@pytest.mark.parametrize(
    ("text", "allowed"), [("0", 0), ("20", 20), ("5%", 50), ("0%", 0), ("100%", 1000), (" 2.5 % ", 25), ("0.01%", 0)]
)
def test_limits_as_users_write_them(text: str, allowed: int) -> None:
    assert malformed_limit(text).allowed(1000) == allowed


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "x", "%", "5%%", "1e3", "\u0665", "nan", "9" * 40])
def test_limits_that_are_not(text: str) -> None:
    with pytest.raises(ValueError, match="must be a number of lines or a percentage"):
        malformed_limit(text)


@pytest.mark.parametrize(("good", "bad"), [(4, 2), (98, 2), (5_000, 51), (20_000, 101)])
def test_more_is_refused_with_the_first_line_and_the_way_out(tmp_path: Path, good: int, bad: int) -> None:
    path = tmp_path / "list"
    path.write_text(plain(good, bad))
    with pytest.raises(ListError, match=f"line {good + 1}: malformed \\(not a hash\\)") as raised:
        load_lists([ListSpec(str(path))])
    assert f"--max-malformed {bad}" in (raised.value.hint or "")
    with load_lists([str(path)], tolerance=Tolerance(malformed_limit(str(bad)))) as lists:
        assert lists.infos[0].rejected == {"malformed": bad}
        assert lists.infos[0].kept == good
    with pytest.raises(ListError, match=f"{bad} of {good + bad:,}"):
        load_lists([str(path)], tolerance=Tolerance(malformed_limit(str(bad - 1))))


@pytest.mark.parametrize(("good", "bad"), [(4, 1), (99, 1), (4_950, 50), (10_000, 100), (10, 1)])
def test_less_is_a_warning_that_is_always_displayed(tmp_path: Path, good: int, bad: int) -> None:
    path = tmp_path / "list"
    path.write_text(plain(good, bad))
    with load_lists([str(path)]) as lists:
        assert lists.infos[0].kept == good
        assert lists.infos[0].omissions[0] == f"skipped line {good + 1}: malformed (not a hash)"
        assert lists.infos[0].omissions[5:] == ((f"skipped {bad - 5} more malformed lines",) if bad > 5 else ())


def test_a_strict_format_has_no_malformed_line_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("".join(f"{line}  name\n" for line in plain(500, 0).split()) + "bad line\n")
    with pytest.raises(ListError, match="unexpected record for this format: line 501: malformed") as raised:
        load_lists([str(path)])
    assert "--max-malformed" in (raised.value.hint or "")
    with load_lists([str(path)], tolerance=Tolerance(malformed_limit("1"))) as lists:
        assert lists.infos[0].kept == 500


def test_a_list_that_ends_in_damage_says_after_how_many_records(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(gzip.compress(plain(20_000, 0).encode())[:-9])
    with pytest.raises(ListError, match=r"after [0-9,]+ records: the compressed file is damaged or truncated after "):
        load_lists([ListSpec(str(path))])


@pytest.mark.parametrize("line", ["{}", "{}  name"])
def test_a_list_with_another_algorithm_than_stated_says_so(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list"
    path.write_text("".join(line.format(text) + "\n" for text in plain(9, 0).split()))
    with pytest.raises(ListError, match=r"line 1: wrong length \(a hash of another length than sha1 has\)") as raised:
        load_lists([ListSpec(str(path), algorithm=AlgorithmName("sha1"))])
    assert "omit 'sha1=' before its name" in (raised.value.hint or "")


def test_a_list_compiled_with_another_limit_is_not_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("hashaudit.lists.load.SMALL_LIST_BYTES", 10)
    path = tmp_path / "list"
    path.write_text(plain(10, 5))
    load_lists([str(path)], tolerance=Tolerance(malformed_limit("100%"))).close()
    with pytest.raises(ListError, match="5 of 15"):
        load_lists([str(path)])


def test_a_list_of_nothing_to_match_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("type,value\ndomain,a\nssdeep,3:a:b\n")
    with pytest.raises(
        ListError, match="not a hash of a file, first in line 2; 1 unsupported: ssdeep, first in line 3"
    ):
        load_lists([str(path)])
