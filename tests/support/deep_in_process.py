"""Runs hashdeep's flags in this process: the walk is the real one, and the workers are hashlib."""

import hashlib
from collections.abc import Sequence
from typing import Any

from hashaudit.model.entry import Entry
from hashaudit.model.faults import PathFault
from hashaudit.model.file_pieces import piece_member
from hashaudit.model.results import EntryResult, MemberResult
from hashaudit.record import convert
from hashaudit.record.output import Output
from hashaudit.sources.filters import WalkOptions
from hashaudit.sources.given_names import GivenNames
from hashaudit.sources.local import LocalSource
from hashaudit_cli.hashdeep import deep_run
from hashaudit_cli.hashdeep.deep_display import DeepDisplay
from hashaudit_cli.hashdeep.deep_flags import DeepFlags
from hashaudit_cli.hashdeep.deep_roots import DeepRoot, WantedFiles


def walk(
    flags: DeepFlags, algorithms: tuple[Any, ...], display: DeepDisplay, output: Output, roots: Sequence[DeepRoot]
) -> None:
    """Stands for the walk of :mod:`deep_run`."""
    config = deep_run.scan_config(flags, algorithms, roots)
    options = WalkOptions(
        follow_links=config.follow_links,
        each_path=True,
        own_files=output.own_files,
        own_paths=output.own_paths,
    )
    source = LocalSource(config.roots, options)
    deep_run.set_names(display, flags, GivenNames(source.describe_roots(), [root.name for root in roots]))
    for item in WantedFiles(source, flags, display.report_skip, display.take_larger).walk():
        if isinstance(item, PathFault):
            display.write(convert.of_path_fault(item, 0))
        elif isinstance(item, Entry):
            take(item, algorithms, config.pieces, display)


def take(entry: Entry, algorithms: tuple[Any, ...], pieces: Any, display: DeepDisplay) -> None:
    with open(entry.path, "rb") as file:
        content = file.read()

    def result(data: bytes) -> EntryResult:
        digests = {name: hashlib.new(name, data).hexdigest() for name in algorithms}
        return EntryResult(0, entry.stat, len(data), entry.consistency, digests)

    whole = result(content)
    if pieces is not None:
        starts = range(0, max(1, len(content)), pieces.size)
        for number, start in enumerate(starts[:1] if pieces.first_only else starts):
            part = content[start : start + pieces.size]
            member = MemberResult((piece_member(number, pieces.size, len(part)),), result(part))
            record = convert.of_member(entry, whole, member, 0, {})
            assert record is not None
            display.write(record)
    record = convert.of_result(entry, whole, 0, {}, record_all=True)
    assert record is not None
    display.write(record)
