"""The contract of every format's parser."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashaudit.errors import ListError
from hashaudit.lists.detect import DATABASES, FORMATS
from hashaudit.lists.interface import ListItem, ParseOptions
from hashaudit.lists.open_list import open_stream
from hashaudit.lists.syntax import lines
from hashaudit.lists.syntax.lines import decode_to_utf8
from property_examples import examples

DIRECTORY = Path(__file__).parents[1] / "data" / "lists"
FORMAT_OF = {
    "NSRL-2.0.txt": "nsrl-text",
    "certutil_synthetic.txt": "certutil",
    "cyclonedx_synthetic.json": "cyclonedx",
    "cyclonedx_synthetic.xml": "cyclonedx-xml",
    "debian_synthetic_release.txt": "debian-control",
    "fciv_synthetic.txt": "fciv",
    "fciv_synthetic.xml": "fciv-xml",
    "get_filehash_synthetic.txt": "get-filehash",
    "mtree_synthetic.txt": "mtree",
    "otx_synthetic.json": "json",
    "rpm_synthetic.dump": "rpm-dump",
    "spdx_synthetic.json": "spdx",
    "spdx_synthetic.spdx": "spdx-tags",
    "table_synthetic.csv": "table",
    "virustotal_synthetic.json": "virustotal",
    "yara_synthetic.yar": "yara",
    "bsd-hashes.txt": "coreutils",
    "clamav_synthetic.hdb": "clamav",
    "encase_synthetic.hash": "encase",
    "gnu_md5sum_escaped.md5": "coreutils",
    "hashdeep.txt": "hashdeep",
    "hashdeep_newline_injection.txt": "hashdeep",
    "hashkeeper_synthetic.hsh": "hashkeeper",
    "hma_synthetic_bank.json": "hma-bank",
    "icse_synthetic.csv": "icse",
    "ilookv4.hsh": "ilook-4",
    "loki_synthetic_hash-iocs.txt": "loki",
    "malwarebazaar_synthetic.csv": "malwarebazaar",
    "md5deep.txt": "coreutils",
    "md5deep_synthetic_sizes.txt": "md5deep",
    "misp_synthetic_event.json": "misp-event",
    "misp_synthetic_warninglist.json": "misp-warninglist",
    "ncmec_hashsharing_entries.xml": "ncmec",
    "openioc_synthetic.ioc": "openioc",
    "sleuthkit_synthetic-md5.idx": "sleuthkit-index",
    "stix21_finding_bundle.json": "stix",
    "stopncii_synthetic.json": "stopncii",
    "tech_against_terrorism_synthetic.json": "tech-against-terrorism",
    "threatexchange_synthetic.csv": "threatexchange-csv",
    "threatexchange_synthetic_local.txt": "threatexchange-local",
    "threatexchange_synthetic_updates.json": "threatexchange-updates",
    "vics20_hashset_bom.json": "vics",
}
CONTENTS = {name: (DIRECTORY / name).read_bytes() for name in FORMAT_OF}
CUT_BYTES = 300
"""Cuts tried one by one at both ends of a sample: room for several hashes."""


def items(content: bytes) -> list[ListItem]:
    return list(open_stream(io.BytesIO(content), ParseOptions()).items)


def cannot_be_told(cut: Any) -> bool:
    """The length of a hash at the end of a one-line file is unknown if nothing names its algorithm."""
    return cut.format in ("plain", "table") and len(cut.entries) == 1


def is_subset(cut: Any, whole: Any) -> bool:
    known = [hashes.items() for hashes in whole.hashes]
    return all(any(hashes.items() <= one for one in known) for hashes in cut.hashes)


def test_every_format_has_a_name_of_its_own() -> None:
    names = [kind.name for kind in FORMATS] + [kind.name for kind in DATABASES]
    assert len(set(names)) == len(names)


def test_every_format_is_documented() -> None:
    text = (DIRECTORY.parents[2] / "docs" / "reference" / "list-formats.md").read_text()
    names = [kind.name for kind in FORMATS] + [kind.name for kind in DATABASES]
    assert [name for name in names if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", FORMAT_OF)
def test_samples_are_recognised_by_one_format_and_perhaps_by_the_general_ones(name: str) -> None:
    head = decode_to_utf8(io.BytesIO(CONTENTS[name])).read()
    recognising = [kind.name for kind in FORMATS if kind.recognises(head)]
    assert recognising[0] == FORMAT_OF[name]
    assert set(recognising[1:]) <= {"plain", "table", "json"}


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("head", [b"", b"\0" * 99, b"hello\n", b"{}", b"[]", b"<a/>", b"\n", b"{" * 99, b"a,b\n1,2\n"])
def test_no_format_recognises_other_files(kind: Any, head: bytes) -> None:
    assert not kind.recognises(head)


def test_every_format_has_a_sample() -> None:
    without = {kind.name for kind in FORMATS} - set(FORMAT_OF.values())
    assert without == {"plain", "ilook-1", "ilook-3"}


@pytest.mark.parametrize("name", FORMAT_OF)
def test_chunks_do_not_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = items(CONTENTS[name])
    monkeypatch.setattr(lines, "CHUNK_BYTES", 7)
    assert items(CONTENTS[name]) == whole


@pytest.mark.parametrize("name", FORMAT_OF)
def test_a_truncated_list_never_gives_a_hash_that_the_whole_lacks(read: Callable[..., Any], name: str) -> None:
    content = CONTENTS[name]
    whole = read(content)
    for cut in {*range(min(CUT_BYTES, len(content))), *range(max(0, len(content) - CUT_BYTES), len(content))}:
        try:
            result = read(content[:cut])
        except ListError:
            continue
        assert cannot_be_told(result) or is_subset(result, whole), cut


@given(st.sampled_from(sorted(FORMAT_OF)), st.data())
@settings(max_examples=examples(100))
def test_truncation_anywhere(read: Callable[..., Any], name: str, data: st.DataObject) -> None:
    content = CONTENTS[name]
    try:
        result = read(content[: data.draw(st.integers(0, len(content)))])
    except ListError:
        return
    assert cannot_be_told(result) or is_subset(result, read(content))


@pytest.mark.parametrize("encoding_name", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", sorted(set(FORMAT_OF) - {"encase_synthetic.hash", "vics20_hashset_bom.json"}))
def test_text_in_other_encodings_is_the_same_list(read: Callable[..., Any], name: str, encoding_name: str) -> None:
    recoded = CONTENTS[name].decode().replace("\r\n", "\n").replace("\n", "\r\n").encode(encoding_name)
    assert read(recoded).hashes == read(CONTENTS[name]).hashes
