"""What all workers have in force, and how a rate is shared."""

import pytest

from hashaudit.workers.dask.members import Member, Members, common_layers
from hashaudit.workers.dask.protocol import Count, Payload, Status
from hashaudit.workers.dask.version_check import difference, fingerprint


@pytest.mark.parametrize(
    ("everyone", "common"),
    [
        ([], ()),
        ([("a", "b")], ("a", "b")),
        ([("a", "b"), ("b",)], ("b",)),
        ([("a", "landlock_abi_7"), ("a", "landlock_abi_4")], ("a", "landlock_abi_4")),
        ([("landlock_abi_4", "a"), ("a", "landlock_abi_7")], ("landlock_abi_4", "a")),
        ([("a", "landlock_abi_7"), ("a",)], ("a",)),
    ],
)
def test_in_force_is_what_all_have(everyone: list[tuple[str, ...]], common: tuple[str, ...]) -> None:
    assert common_layers(everyone) == common


def test_a_rate_is_shared_by_processes_and_counts_only_grow() -> None:
    members = Members()
    for name, processes in (("one", 1), ("two", 3)):
        members.by_address[name] = Member(name, f"session {name}", processes, None)
    rates = members.rates(4_000_000)
    assert rates == {"session one": 1_000_000, "session two": 3_000_000}
    members.update(members.by_address["one"], Status(Count(100, 1), ()))
    members.update(members.by_address["one"], Status(Count(50, 0), ()))
    members.update(members.by_address["two"], Status(Count(10, 0), ()))
    assert (members.bytes_read, members.restarts, members.processes) == (110, 1, 4)


def test_a_difference_names_both_sides() -> None:
    here = fingerprint()
    assert difference(here, here) is None
    assert difference(here, here | {"pillow": "1.0"}) == f"pillow 1.0 there and {here['pillow']} here"
    missing = {name: value for name, value in here.items() if name != "hashaudit"}
    assert difference(here, missing) == f"hashaudit none there and {here['hashaudit']} here"


def test_a_parcel_shows_nothing_of_its_bytes() -> None:
    assert repr(Payload(b"secret")) == str(Payload(b"secret")) == "<6 bytes>"
