"""Reads collections of lists as their publishers wrote them, and compares with an independent count.

A collection is a folder; ``counts.tsv`` beside them has, for each file, the distinct runs of 32, 40, 56, 64, 96 and 128
hex digits in its bytes: an upper bound. Prints, for each collection, the files that are read with just these counts,
with others, and those that are refused, by reason.

    python benchmarks/list_collections.py FOLDER
"""

import csv
import os
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hashaudit.errors import ListError
from hashaudit.lists import list_parser
from hashaudit.lists.algorithms import LENGTHS_BYTES
from hashaudit.lists.interface import DigestBlock, ListEntry, ListSpec, ParseOptions
from hashaudit.lists.load import load_lists
from hashaudit.lists.malformed_limit import malformed_limit
from hashaudit.lists.open_list import open_stream
from hashaudit.lists.tolerance import DEFAULT_TOLERANCE, Tolerance

LENIENT = Tolerance(max_malformed=malformed_limit("100%"), include_unmarked=True)
DIGITS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}


def distinct_digests(path: Path, tolerance: Tolerance) -> dict[str, int]:
    """Returns the number of distinct digests of each algorithm that a list gives; refused lists raise."""
    with load_lists([ListSpec(str(path))], tolerance=tolerance), path.open("rb") as stream:
        options = ParseOptions(include_unmarked=tolerance.include_unmarked)
        found: dict[str, set[bytes]] = {}
        for item in open_stream(stream, options, str(path)).items:
            if isinstance(item, DigestBlock):
                length = LENGTHS_BYTES[item.algorithm]
                starts = range(0, len(item.digests), length)
                found.setdefault(item.algorithm, set()).update(item.digests[at : at + length] for at in starts)
            elif isinstance(item, ListEntry):
                for name, raw in item.digests.items():
                    found.setdefault(name, set()).add(raw)
        return {name: len(raws) for name, raws in found.items()}


def main() -> None:
    """Reads all files of all collections."""
    folder = Path(sys.argv[1])
    list_parser.IN_PROCESS = True
    found: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    different: list[str] = []
    with tempfile.TemporaryDirectory() as cache, (folder / "counts.tsv").open() as table:
        os.environ["XDG_CACHE_HOME"] = cache
        for row in csv.DictReader(table, delimiter="\t"):
            counts = found.setdefault(row["file"].split("/", 1)[0], Counter())
            counts["files"] += 1
            path = folder / row["file"]
            try:
                read = distinct_digests(path, DEFAULT_TOLERANCE)
            except ListError as error:
                counts["refused"] += 1
                reasons[re.sub(r"[0-9][0-9,]*", "N", str(error).rpartition("'; ")[2])[:70]] += 1
                try:
                    distinct_digests(path, LENIENT)
                    counts["of these read with options"] += 1
                except ListError:
                    pass
                continue
            is_right = all(int(row[name]) == read.get(name, 0) for name in DIGITS)
            counts["right" if is_right else "explained"] += 1
            if not is_right:
                different.append(f"{row['file']}: {dict(row)} {read}")
    for name, counts in found.items():
        print(name, dict(counts))
    for reason, number in reasons.most_common():
        print(f"{number:>6} {reason}")
    print(*different, sep="\n")


if __name__ == "__main__":
    main()
