"""Findings files of ordinary, made-up content, and what a stranger's shell says of them."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hashaudit.model.entry import Consistency, Entry, Stat
from hashaudit.model.faults import Fault, FaultCode, PathFault, Stage
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.results import AlgorithmName, EntryResult, Match, MatchType, Role
from hashaudit.record import convert, timestamps
from hashaudit.record.header import ClockSync, HashList, Root, RootType, RunHeader, System, Tool
from hashaudit.record.output import Output
from hashaudit.record.schema import EndReason, FaultRecord, FileRecord, FindingRecord
from hashaudit.record.writer import Clock, FindingsWriter
from hashaudit.signing.key_files import SigningKey, allowed_signers_line
from hashaudit.signing.public_key import PublicKey

RUN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
START_NS = 1_600_000_000_000_000_000
IDENTITY = "NAME"
LIST_NAMES = {1: "bad.txt", 2: "good.txt"}
TOOLS = ("ssh-keygen", "jq", "sha256sum", "bash")

DOCUMENTED = Path(__file__).parents[2] / "docs" / "reference" / "findings-format.md"

Writable = FindingRecord | FaultRecord | FileRecord


def signing_key(seed: int = 1) -> SigningKey:
    """A key that is the same each time."""
    return SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def header(
    fingerprint: str | None, run_id: str = RUN_ID, *, lists: bool = False, start: str = timestamps.to_text(START_NS)
) -> RunHeader:
    """Line 1 of a run over one folder; with one deny list if ``lists``."""
    return RunHeader(
        v=1,
        run_id=run_id,
        start=start,
        tool=Tool(name="hashaudit", version="0.1.0"),
        versions={"python": "3.11.7"},
        argv=("hashaudit", "scan", "/srv"),
        config={"jobs": 2, "follow_links": False},
        host="host.example.org",
        os=System(name="Linux", release="6.1", version="1", machine="x86_64"),
        uid=1000,
        clock_sync=ClockSync.SYNCHRONISED,
        roots=(Root(path="/srv", type=RootType.DIRECTORY, filesystem="ext4", mount_options=("ro",)),),
        inclusions=(),
        exclusions=(),
        lists=(hash_list(),) if lists else (),
        key_fingerprint=fingerprint,
        sandbox=("rlimits",),
    )


def hash_list() -> HashList:
    """List 1 of a run."""
    return HashList(
        number=1,
        name=LIST_NAMES[1],
        path="/lists/bad.txt",
        role=Role.DENY,
        size=100,
        sha256="cd" * 32,
        mtime=timestamps.to_text(START_NS),
        format="plain",
        algorithms=(AlgorithmName("sha256"),),
        read=3,
        kept=3,
        rejected={},
        all_sized=False,
    )


def stat(size: int = 10, **changes: int) -> Stat:
    """The state of some file."""
    fields = {"mode": 0o100644, "device": 64769, "inode": 12, "links": 1, "size": size, "uid": 1000, "gid": 100}
    return Stat(**{**fields, "mtime_ns": START_NS, "ctime_ns": START_NS + 1, **changes})


def entry(name: bytes = b"a.txt") -> Entry:
    """Some file in ``/srv``."""
    return Entry(Location(DirectoryRef(b"/srv", 64769, 2), name), stat())


def match(role: Role = Role.DENY, *, labels: dict[str, str] | None = None, **more: str) -> Match:
    """An exact match with line 7 of list 1, with labels as a table or as keywords."""
    return Match(1, "line 7", AlgorithmName("sha256"), MatchType.EXACT, role, (labels or {}) | more)


def fault(code: FaultCode = FaultCode.IO_ERROR) -> Fault:
    """A read that failed."""
    return Fault(Stage.READ, code, "read failed", attempts=2)


def examination(
    *, matches: Iterable[Match] = (), faults: Iterable[Fault] = (), state: Stat | None = None
) -> EntryResult:
    """What came of reading some file."""
    return EntryResult(
        item=0,
        stat=state or stat(),
        bytes_read=10,
        consistency=Consistency.STABLE,
        digests={"sha256": "ab" * 32},
        matches=tuple(matches),
        faults=tuple(faults),
    )


def record(name: bytes = b"a.txt", **what: Iterable[Match] | Iterable[Fault]) -> Writable:
    """The line of some file; without matches and faults, that of a file that is clean."""
    made = convert.of_result(entry(name), examination(**what), START_NS, LIST_NAMES, record_all=True)  # type: ignore[arg-type] # forwards keywords
    assert made is not None
    return made


def finding(name: bytes = b"a.txt") -> Writable:
    """The line of a file that matches."""
    return record(name, matches=[match(category="test")])


def unlisted_folder(code: FaultCode = FaultCode.PERMISSION_DENIED) -> FaultRecord:
    """The line of a folder that could not be listed."""
    failed = Fault(Stage.WALK, code, "cannot list")
    return convert.of_path_fault(PathFault(b"/srv/secret", failed, directory=True), START_NS)


class FakeClock:
    """Two clocks that move when told to; the wall clock also by a nanosecond each reading."""

    def __init__(self) -> None:
        self.wall = START_NS
        self.steady = 100.0

    def clock(self) -> Clock:
        """What a writer takes."""
        return Clock(wall_ns=self._wall, steady_s=lambda: self.steady)

    def _wall(self) -> int:
        self.wall += 1
        return self.wall


def write_run(
    path: Path,
    segments: Iterable[Iterable[Writable]],
    *,
    signer: SigningKey | None = None,
    run_id: str = RUN_ID,
    finish: bool = True,
    lists: bool | tuple[HashList, ...] = False,
    start: str = timestamps.to_text(START_NS),
    clock: FakeClock | None = None,
    **changes: Any,
) -> Path:
    """Writes a file of these segments, the header being in the first, and a final segment without lines.

    ``changes`` are other fields of the header.
    """
    fake = clock or FakeClock()
    made = header(signer.fingerprint if signer else None, run_id, lists=lists is True, start=start)
    if not isinstance(lists, bool):
        changes["lists"] = lists
    with FindingsWriter(
        Output.create(str(path)),
        msgspec.structs.replace(made, **changes),
        signer=signer,
        clock=fake.clock(),
    ) as writer:
        for segment in segments:
            for line in segment:
                if not (line.entry.within or (isinstance(line, FaultRecord) and line.directory)):
                    writer.tally.add()
                writer.write(line)
            fake.wall += 60 * timestamps.NS_PER_S
            writer.checkpoint()
        if finish:
            writer.finish(EndReason.COMPLETED, 8)
    return path


def four_segments(path: Path, signer: SigningKey | None, **how: str | bool) -> list[bytes]:
    """A file of four segments with lines, and its lines.

    Lines of the file, from 1: 1-5 records 1-5, 6 checkpoint; 7-10 records 6-9, 11 checkpoint; 12-15 records 10-13, 16
    checkpoint; 17-19 records 14-16, 20 checkpoint; 21 final checkpoint.
    """
    segments = [
        [finding(b"1"), record(b"2", faults=[fault()]), record(b"3"), finding(b"4")],
        [finding(b"5"), finding(b"6"), unlisted_folder(), record(b"7", matches=[match(Role.KNOWN)])],
        [finding(b"8"), finding(b"9"), finding(b"\xff\n\x1b[2J"), finding("é".encode())],
        [finding(b"10"), record(b"11"), record(b"12", faults=[fault(), fault()])],
    ]
    write_run(path, segments, signer=signer, **how)  # type: ignore[arg-type] # forwards keywords
    return path.read_bytes().splitlines(keepends=True)


def allowed_signers(folder: Path, key: PublicKey, options: str = "") -> Path:
    """A trust store in which one key is :data:`IDENTITY`'s."""
    path = folder / "allowed_signers"
    path.write_text(f"{IDENTITY} {options} {key.text}\n" if options else allowed_signers_line(key, IDENTITY))
    return path


def documented_commands(block: int) -> list[str]:
    """What docs/reference/findings-format.md tells a stranger to run, in its block 0 or 1 of commands."""
    section = DOCUMENTED.read_text().partition("\n## Verify without this program\n")[2]
    return section.split("```sh\n")[block + 1].partition("```")[0].strip().split("\n\n")


def shell_says(path: Path, store: Path, *, block: int = 0, variables: str = "", options: str = "") -> list[bool]:
    """Which of the documented commands hold, run to the letter beside copies under the names that they use.

    Those of block 0: the final checkpoint's signature, the file before it, the sidecar.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, Path(folder) / "F")
        shutil.copy(store, Path(folder) / "allowed_signers")
        sidecar = path.with_name(path.name + ".sig")
        if sidecar.exists():
            shutil.copy(sidecar, Path(folder) / "F.sig")
        return [
            subprocess.run(
                ["bash", "-c", f"set -o pipefail\n{variables}\n{command.replace('-Y verify', f'-Y verify {options}')}"],
                cwd=folder,
                capture_output=True,
                check=False,
            ).returncode
            == 0
            for command in documented_commands(block)
        ]
