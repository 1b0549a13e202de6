"""Members within members: limits, containers that hold themselves, members that end workers."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hashaudit.content.containers import inside_budget
from hashaudit.model.faults import FaultCode
from hashaudit.workers.child import member_walk
from hashaudit.workers.protocol import Blame
from inside_lab import examine, names, sha256


def zipped(**content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(**content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_member_is_named_by_every_step(path: Path, size: int) -> None:
    inner = zipped(deep=b"deep content")
    middle = tarred(a=bytes(size), inner=inner, z=b"after")
    path.write_bytes(zipped(first=b"1", middle=gzip.compress(middle), last=b"2"))
    found = examine(path)
    assert found.codes == []
    chains = [[(step.format, step.name, step.ordinal) for step in member.within] for member in found.members]
    outer = [("zip", b"middle", 1), ("gz", b"", 0)]
    assert chains == [
        [("zip", b"first", 0)],
        [*outer, ("tar", b"a", 0)],
        [*outer, ("tar", b"inner", 1), ("zip", b"deep", 0)],
        [*outer, ("tar", b"inner", 1)],
        [*outer, ("tar", b"z", 2)],
        outer,
        [("zip", b"middle", 1)],
        [("zip", b"last", 2)],
    ]
    by_name = {names(member): member.result for member in found.members}
    assert by_name[b"middle", b"", b"inner", b"deep"].digests["sha256"] == sha256(b"deep content")
    assert by_name[b"middle", b"", b"inner"].digests["sha256"] == sha256(inner)
    assert by_name[b"middle", b""].digests["sha256"] == sha256(middle)
    assert found.file.container is not None
    assert found.file.container.members == 8


def test_members_without_a_result_are_counted(path: Path) -> None:
    path.write_bytes(zipped(a=b"a", b=zipped(c=b"c", d=b"ITSF\3\0\0\0")))
    found = examine(path, report_all=False)
    container = found.file.container
    assert container is not None
    assert (container.lines, container.clean, container.members) == (0, 4, 4)
    assert (container.containers, container.containers_unopened) == ({"zip": 1}, {"chm": 1})


def test_depth_is_limited(path: Path) -> None:
    data = b"innermost"
    for _ in range(20):
        data = zipped(n=data)
    path.write_bytes(data)
    found = examine(path)
    assert found.codes == ["limit_reached"]
    assert max(len(member.within) for member in found.members) == 8
    assert found.members[0].result.faults[0].message == "limit on depth inside one file reached: 8"
    assert examine(path, depth=30).whole() >= {sha256(b"innermost")}


def test_bytes_are_limited_and_what_was_found_stays(path: Path) -> None:
    path.write_bytes(zipped(a=b"small", b=bytes(5_000_000), c=gzip.compress(bytes(5_000_000)), d=b"later"))
    found = examine(path, most_bytes=1 << 20)
    assert sha256(b"small") in found.whole()
    assert set(found.codes) == {"limit_reached"}
    assert len(found.codes) == 2, "the long member, and then the one that does not say how long it is"


def test_the_number_of_members_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_budget, "MAX_MEMBERS", 10)
    path.write_bytes(zipped(**{f"m{number}": b"" for number in range(30)}))
    found = examine(path)
    assert (found.codes, len(found.members)) == (["limit_reached"], 10)


def test_memory_for_nested_containers_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_budget, "MEMORY_BYTES", 1 << 20)
    import random  # noqa: PLC0415 # data that does not compress

    long = zipped(a=random.Random(1).randbytes(2 << 20))
    path.write_bytes(tarred(long=long, short=zipped(b=b"b")))
    found = examine(path)
    assert found.codes == ["limit_reached"]
    by_name = {names(member): member.result.digests for member in found.members}
    assert by_name[(b"long",)] == {"sha256": sha256(long)}, "it is hashed all the same"
    assert by_name[b"short", b"b"] == {"sha256": sha256(b"b")}


def test_time_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_budget, "BASE_TIME_S", -1.0)
    path.write_bytes(zipped(a=b"a"))
    assert examine(path).codes == ["limit_reached"]


def test_a_small_member_that_is_damaged_or_longer_than_stated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hashaudit.content.containers import reader_registry  # noqa: PLC0415 # patched
    from hashaudit.content.containers.interface import ContainerError, MemberContent  # noqa: PLC0415 # as above
    from hashaudit.model.containers import ContainerKind  # noqa: PLC0415 # as above

    def broken() -> Iterator[bytes]:
        yield b"part"
        raise ContainerError(FaultCode.DAMAGED, "the content of the member is damaged", is_complete=True)

    members = [
        MemberContent(0, b"good", iter([b"go", b"od"]), 4),
        MemberContent(1, b"broken", broken(), 4),
        MemberContent(2, b"long", iter([b"x" * 40_000] * 3), 4),
    ]
    monkeypatch.setitem(reader_registry.RANDOM_READERS, ContainerKind.ZIP, lambda _: iter(members))
    path.write_bytes(zipped(a=b"a"))
    found = examine(path, report_all=False)
    assert [(names(one), one.result.digests["sha256"]) for one in found.members] == [((b"broken",), sha256(b"part"))]
    assert found.file.container is not None
    assert (found.file.container.clean, found.file.container.bytes) == (2, 4 + 4 + 120_000)


def test_a_container_that_holds_itself_is_opened_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A true quine is rare; a reader that gives the file as its own member is one.
    from hashaudit.content.containers import reader_registry  # noqa: PLC0415 # patched
    from hashaudit.content.containers.interface import MemberContent  # noqa: PLC0415 # as above
    from hashaudit.model.containers import ContainerKind  # noqa: PLC0415 # as above

    path.write_bytes(zipped(a=b"a"))
    itself = path.read_bytes()
    monkeypatch.setitem(
        reader_registry.RANDOM_READERS,
        ContainerKind.ZIP,
        lambda _: iter([MemberContent(0, b"r/r.zip", iter([itself]), len(itself))]),
    )
    found = examine(path)
    [member] = found.members
    assert member.result.container is not None
    assert (member.result.container.same_as, member.result.container.opened) == (0, False)
    assert found.codes == []


def test_a_blamed_member_is_a_fault_and_the_others_are_examined(path: Path) -> None:
    path.write_bytes(zipped(a=b"a", b=gzip.compress(b"b"), c=b"c"))
    blame = Blame(2, FaultCode.WORKER_CRASHED, decode_only=False)
    found = examine(path, blames=[blame])
    assert found.codes == ["worker_crashed"]
    assert [names(member) for member in found.members if member.result.faults] == [(b"b", b"")]
    assert sha256(b"c") in found.whole()
    undecoded = examine(path, blames=[msgspec.structs.replace(blame, decode_only=True)])
    assert undecoded.codes == ["worker_crashed"]
    assert all(member.result.digests for member in undecoded.members)


def test_many_members_are_sent_in_frames(path: Path) -> None:
    path.write_bytes(zipped(**{f"m{number}": b"" for number in range(2500)}))
    assert len(examine(path).members) == 2500


def test_members_that_need_no_record_are_under_the_same_limits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(zipped(**{f"n{number}": bytes(100_000) for number in range(20)}, last=b"ITSF\3\0\0\0"))
    whole = examine(path, report_all=False).file.container
    assert whole is not None
    assert (whole.clean, whole.bytes, whole.containers_unopened) == (21, 2_000_008, {"chm": 1})
    assert "limit_reached" in examine(path, report_all=False, most_bytes=1_999_999).codes
    blamed = examine(path, report_all=False, blames=[Blame(3, FaultCode.WORKER_CRASHED, decode_only=False)])
    assert [member.within[0].name for member in blamed.members] == [b"n3"]
    monkeypatch.setattr(inside_budget, "MAX_MEMBERS", 20)
    limited = examine(path, report_all=False)
    assert limited.file.container is not None
    assert (limited.codes, limited.file.container.clean) == (["limit_reached"], 20)


def test_an_equal_container_is_counted_without_being_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = zipped(a=b"a", b=zipped(c=b"c"), p=b"ITSF\3\0\0\0")
    opened: list[int] = []
    original = member_walk.MemberWalk._open

    def count(*args: Any, **more: Any) -> Any:
        opened.append(1)
        return original(*args, **more)

    monkeypatch.setattr(member_walk.MemberWalk, "_open", count)
    path.write_bytes(zipped(x=inner, y=inner, d=zipped(z=inner), w=b"w"))
    found = examine(path, report_all=False)
    container = found.file.container
    assert container is not None
    assert (found.codes, container.clean, container.bytes) == (
        [],
        17,
        len(inner) * 3
        + len(zipped(z=inner))
        + 1
        + sum(3 * len(data) for data in (b"a", zipped(c=b"c"), b"c", b"ITSF\3\0\0\0")),
    )
    assert (container.containers, container.containers_unopened) == ({"zip": 7}, {"chm": 3})
    assert len(opened) == 6, "the file, x, b in it, d, z, b in it; y is equal to x, and z is deeper"
    blamed = examine(path, report_all=False, blames=[Blame(16, FaultCode.WORKER_CRASHED, decode_only=False)])
    assert [member.within[-1].name for member in blamed.members] == [b"w"]


def test_an_equal_container_with_something_to_record_is_opened_each_time(path: Path) -> None:
    damaged = bytearray(zipped(a=b"content"))
    damaged[damaged.index(b"PK\1\2") + 16] ^= 1  # its checksum
    path.write_bytes(zipped(x=bytes(damaged), y=bytes(damaged)))
    assert len(examine(path, report_all=False).members) == 2
