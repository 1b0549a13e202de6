"""Records as a stream: each is proven or not, whatever happens to the rest of the file; extracts verify as such."""

import io
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings_lab import four_segments, signing_key
from hashaudit.record.output import Output
from hashaudit.record.verify.proven_records import FindingsReader
from hashaudit.record.verify.verifier import verify, verify_file
from hashaudit.triage.extract import write_extract

KEY = signing_key()
CHECKPOINTS = [5, 10, 15, 19, 20]
SEGMENTS = [range(5), range(6, 10), range(11, 15), range(16, 19)]


@cache
def four() -> list[bytes]:
    with TemporaryDirectory() as folder:
        return four_segments(Path(folder) / "f", KEY)


def read(path: Path, trust: object = KEY.public_key) -> tuple[list[int], list[int]]:
    """The numbers of the proven records, and of the others."""
    reader = FindingsReader(str(path), trust)  # type: ignore[arg-type] # a key, another one or none
    proven: list[int] = []
    others: list[int] = []
    for item in reader:
        (proven if item.is_proven else others).append(item.record.seq)
    assert reader.verification.lines > 0
    return proven, others


def test_all_records_of_an_intact_file_are_proven_and_none_of_another_signer(tmp_path: Path) -> None:
    path = tmp_path / "f"
    four_segments(path, KEY)
    assert read(path) == (list(range(1, 17)), [])
    assert read(path, None) == (list(range(1, 17)), [])
    assert read(path, signing_key(2).public_key) == ([], list(range(1, 17)))
    four_segments(tmp_path / "unsigned", None)
    assert read(tmp_path / "unsigned", None) == ([], list(range(1, 17)))


@pytest.mark.parametrize(
    ("change", "others"),
    [
        (lambda lines: [*lines[:7], lines[7].replace(b'"size":10', b'"size":11'), *lines[8:]], [6, 7, 8, 9]),
        (lambda lines: [*lines[:7], *lines[8:]], [6, 8, 9]),
        (lambda lines: [*lines[:10], *lines[11:]], [6, 7, 8, 9]),
        (lambda lines: lines[:18], [14, 15]),
        (lambda lines: [*lines[:6], *lines[11:]], []),
        (lambda lines: [*lines, lines[7]], []),
        (lambda lines: [*lines[:11], *lines[6:11], *lines[11:]], [6, 7, 8, 9]),
    ],
)
def test_only_the_records_that_no_checkpoint_proves_are_not_proven(
    tmp_path: Path, change: object, others: list[int]
) -> None:
    (tmp_path / "f").write_bytes(b"".join(change(list(four()))))  # type: ignore[operator] # a function
    assert read(tmp_path / "f")[1] == others


def test_an_extract_verifies_as_an_extract_only(tmp_path: Path) -> None:
    four_segments(tmp_path / "f", KEY)
    output = Output.create(str(tmp_path / "e"))
    assert write_extract(str(tmp_path / "f"), frozenset({11}), output) == 9
    output.close()
    outcome = verify_file(str(tmp_path / "e"), KEY.public_key, extract=True)
    assert outcome.verified
    assert [(item.first, item.last) for item in outcome.intact] == [(1, 5), (10, 13)]
    assert [(item.first, item.last) for item in outcome.undisclosed] == [(6, 9), (14, 16)]
    assert "not in this extract" in " ".join(outcome.unproven)
    assert "nothing is missing" not in " ".join(outcome.proven)
    assert not verify_file(str(tmp_path / "e"), KEY.public_key).ok
    assert verify_file(str(tmp_path / "f"), KEY.public_key, extract=True).undisclosed_records == 0


@given(st.sets(st.integers(0, 20)))
def test_an_extract_has_every_checkpoint_and_whole_segments(chosen: set[int]) -> None:
    outcome = verify(io.BytesIO(b"".join(four()[line] for line in sorted(chosen))), KEY.public_key, extract=True)
    whole = set(chain.from_iterable(one for one in SEGMENTS if set(one) <= chosen)) | set(CHECKPOINTS)
    assert outcome.verified is (0 in chosen and chosen == whole)
