"""Repeats the attacks on hashaudit that succeeded once, and prints whether each is held off.

Each row of the catalogue names an attack, the outcome that is right, and the tests that carry it out. A row holds if
every one of its tests passes. Attacks that need root, mounts or a package are skipped without it, and named.

    python benchmarks/attacks.py [--only WORD]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

TOP = Path(__file__).resolve().parent.parent


class Attack(NamedTuple):
    """An attack, its right outcome, and the tests that carry it out."""

    name: str
    outcome: str
    tests: tuple[str, ...]


STORAGE, SANDBOX = "tests/cli/test_other_storage.py", "tests/cli/test_sandbox.py"
LOCAL, POOL = "tests/sources/test_local.py", "tests/workers/local/test_pool.py"

CATALOGUE: dict[str, tuple[Attack, ...]] = {
    "a wrong clean": (
        Attack(
            "resume after the storage was unmounted or swapped",
            "refused, or a fault",
            (
                f"{STORAGE}::test_a_scan_of_an_unmounted_root_is_not_resumed_unasked",
                f"{STORAGE}::test_another_directory_in_the_place_of_a_root_is_seen",
                "tests/scan/resume/test_compatibility.py",
            ),
        ),
        Attack(
            "merge shards of different storage",
            "refused",
            (f"{STORAGE}::test_shards_of_other_storage_are_not_merged_unasked",),
        ),
        Attack(
            "show a key of a bucket as a link, FIFO or device",
            "reported as hidden",
            ("tests/sources/test_reconcile.py::test_a_key_that_the_mount_shows_as_something_else_is_hidden",),
        ),
        Attack(
            "disguise an image: tags, sizes, stray bytes, old headers",
            "hashed, or a fault",
            ("tests/content/images/test_odd_images.py", "tests/content/images/test_raw.py"),
        ),
        Attack(
            "give two directories the same numbers; bind mounts",
            "both are walked",
            (f"{LOCAL}::test_directories_of_equal_numbers_are_all_walked",),
        ),
        Attack(
            "mount something under a device number that was freed",
            "walked by its own kind",
            ("tests/sources/test_filesystems.py::test_a_device_number_is_given_again",),
        ),
        Attack(
            "name a FUSE mount like a pseudo filesystem", "walked", ("tests/sources/test_filesystems.py::test_kinds",)
        ),
        Attack(
            "reach a directory by a link that a pattern wants",
            "found by each path",
            (f"{LOCAL}::test_a_pattern_with_a_slash_finds_a_directory_by_each_path",),
        ),
        Attack(
            "move a file into a directory that was listed; unmount in the middle",
            "found, or changed_while_walked",
            ("tests/sources/test_changed_directories.py",),
        ),
        Attack(
            "change a file within the resolution of its times, or through a dirty page",
            "read again; not cached",
            (
                "tests/content/read/test_uncertain_times.py",
                "tests/cache/test_hash_cache.py::test_a_file_with_unwritten_pages_is_not_kept",
            ),
        ),
        Attack(
            "break the quotes of a table",
            "no row is lost",
            (
                "tests/lists/formats/test_table.py::test_a_broken_quote_swallows_no_other_row",
                "tests/lists/formats/test_table.py::test_a_quote_that_is_never_closed_swallows_no_other_row",
            ),
        ),
        Attack(
            "name a list that can match nothing",
            "refused",
            ("tests/cli/test_known_filter.py::test_a_list_that_can_match_nothing_is_refused",),
        ),
        Attack(
            "scan an empty ROOT",
            "root_empty, unless --min-files 0",
            ("tests/cli/test_scan.py::test_a_scan_of_nothing_is_never_silent",),
        ),
    ),
    "a wrong verified": (
        Attack("sign forged findings with another key", "not verified", ("tests/cli/test_verify.py",)),
        Attack(
            "merge shards by unknown signers",
            "refused",
            ("tests/cli/test_shards.py::test_shards_of_unknown_signers_are_never_taken_unasked",),
        ),
        Attack("change, cut, splice records", "not verified", ("tests/record/verify/test_tampering.py",)),
        Attack(
            "lines of allowed_signers that ssh-keygen refuses", "refused", ("tests/signing/test_allowed_signers.py",)
        ),
        Attack(
            "a worker's result that no record can hold",
            "one fault of its file",
            ("tests/scan/test_checked_records.py", "tests/workers/test_answer_check.py"),
        ),
    ),
    "a secret": (
        Attack(
            "read the key, the trust store or a list below a ROOT",
            "refused by the kernel",
            (
                f"{SANDBOX}::test_key_trust_store_and_lists_below_a_root_are_refused",
                f"{SANDBOX}::test_a_key_with_another_name_is_refused",
                "tests/host/sandbox/test_access.py",
            ),
        ),
        Attack("a list that takes over its parser", "reads its lists alone", ("tests/lists/test_list_parser.py",)),
        Attack(
            "reach Unix sockets from a scan of a bucket",
            "refused by the kernel",
            ("tests/host/sandbox/test_seccomp.py::test_only_sockets_of_the_internet_are_created",),
        ),
        Attack(
            "make the command leave a core file",
            "none",
            (
                "tests/host/test_process.py::test_a_crash_leaves_no_core_and_no_one_else_reads_the_memory",
                "tests/cli/test_signals.py::test_a_quit_scan_leaves_no_core_file",
                "tests/workers/dask/test_remote.py",
            ),
        ),
        Attack(
            "an umask of 000",
            "directories 0700, files 0600",
            ("tests/cli/test_own_files.py::test_what_a_first_scan_creates_is_private_under_any_umask",),
        ),
        Attack("passwords, keys and tokens in URLs", "masked", ("tests/model/test_secret_masking.py",)),
        Attack(
            "a FIFO in the place of a file",
            "refused at once",
            (
                "tests/cli/test_usage_errors.py::test_no_command_waits_for_a_planted_fifo",
                "tests/host/test_open_regular.py",
            ),
        ),
    ),
    "a lost run": (
        Attack(
            "crash, hang, eat memory in a decoder",
            "one fault",
            (f"{SANDBOX}::test_what_ends_a_worker_costs_one_file",),
        ),
        Attack("lie in the messages of a worker", "one fault", (f"{SANDBOX}::test_lies_cost_one_file_each",)),
        Attack(
            "escape from the sandbox",
            "refused by the kernel",
            (f"{SANDBOX}::test_what_is_refused_costs_no_worker",),
        ),
        Attack(
            "positions and counters that never let time run out",
            "the worker is ended",
            (
                f"{POOL}::test_no_word_of_a_worker_extends_its_deadline_for_ever",
                f"{POOL}::test_a_worker_that_names_others_as_the_cause_is_found_within_bounded_tries",
                "tests/workers/local/test_rate_limiter.py",
            ),
        ),
        Attack("a message that multiplies in memory", "refused", ("tests/workers/test_message_size.py",)),
        Attack("times beyond 64 bits", "exact, or one fault", ("tests/model/test_times.py",)),
    ),
}


def attacks() -> list[Attack]:
    """Returns all attacks."""
    return [attack for kind in CATALOGUE.values() for attack in kind]


def outcomes(chosen: list[Attack]) -> dict[str, Counter[str]]:
    """Runs the tests of attacks; returns for each attack how its tests ended."""
    nodes = sorted({node for attack in chosen for node in attack.tests})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--no-header",
            f"--junit-xml={report}",
            "-o",
            "junit_family=xunit1",
        ]
        done = subprocess.run([*words, *nodes], cwd=TOP, capture_output=True, text=True, check=False)
        if not report.exists():
            sys.exit(done.stdout + done.stderr)
        cases = list(ET.parse(report).getroot().iter("testcase"))  # noqa: S314 # pytest wrote it
    found: dict[str, Counter[str]] = {}
    for attack in chosen:
        ended = found[attack.name] = Counter()
        for node in attack.tests:
            path, _, name = node.partition("::")
            own = [
                each
                for each in cases
                if each.get("file") == path and name in {"", (each.get("name") or "").split("[")[0]}
            ]
            ended.update(_outcome(each) for each in own)
            ended["missing"] += not own
    return found


def _outcome(case: ET.Element) -> str:
    tags = {child.tag for child in case}
    return "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"


def main() -> None:
    """Repeats the attacks and exits with 1 unless all are held off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="attacks whose name contains this")
    only = parser.parse_args().only
    found = outcomes([attack for attack in attacks() if only in attack.name])
    held = True
    for kind, rows in CATALOGUE.items():
        for attack in rows:
            if attack.name not in found:
                continue
            ended = found[attack.name]
            good = ended["passed"] > 0 and not ended["failed"] and not ended["missing"]
            held &= good
            counts = ", ".join(f"{count} {name}" for name, count in sorted(ended.items()) if count)
            print(f"{'held' if good else 'BROKEN':7}{kind:17} {attack.name}: {attack.outcome} ({counts})")
    if os.geteuid() != 0:
        print("not root: attacks with mounts were skipped")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
