"""Scans in this process, with and without a cache, and trees of made-up files and pictures for them."""

import io
import os
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from unittest.mock import patch

import msgspec
import numpy as np
from PIL import Image

from hashaudit.cache.eligibility import TRUSTED_TYPES, Eligibility
from hashaudit.cache.hash_cache import Cache
from hashaudit.cache.object_places import place_of
from hashaudit.cache.values import CachedGroup
from hashaudit.host.mount_table import read_mount_table
from hashaudit.lists.interface import ListSpec
from hashaudit.lists.load import load_lists
from hashaudit.model.entry import Entry
from hashaudit.model.results import AlgorithmName, EntryResult, Role
from hashaudit.record.run_id import new_run_id
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.plan import plan_for, recipes_for
from hashaudit.sources.local import LocalSource
from hashaudit.workers.child import examiner
from hashaudit.workers.child.examiner import Examiner
from hashaudit.workers.protocol import ALLOWED_BYTES, PROGRESS_WORDS, Answer, WorkBatch, WorkerConfig
from hashaudit.workers.tasks import Task, grouped

TICK_S = 0.01
"""Longer than the clock that files' times are taken from stands still."""


def picture(seed: int, kind: str = "PNG", frames: int = 1) -> bytes:
    """A small picture of smooth noise; the same seed gives the same one in every format."""
    images = []
    for frame in range(frames):
        noise = np.random.default_rng(seed + 1000 * frame).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        images.append(Image.fromarray(noise).resize((80, 60), Image.Resampling.BICUBIC))
    file = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
    images[0].save(file, kind, **more)
    return file.getvalue()


def trusted(folder: Path) -> bool:
    """Whether a cache is used for files in a folder."""
    mount = read_mount_table().at(os.path.realpath(os.fsencode(folder)), os.stat(folder).st_dev)
    return mount is not None and mount.fs_type in TRUSTED_TYPES


class Scanned(msgspec.Struct, frozen=True):
    """One scan in this process."""

    found: dict[bytes, EntryResult]
    """By path, without what tells whether the content was read."""
    recalled: int
    damaged: int
    warnings: list[str]

    def codes(self) -> dict[str, list[str]]:
        """The faults by name of file."""
        return {
            os.path.basename(path).decode(): [fault.code.value for fault in one.faults]
            for path, one in self.found.items()
            if one.faults
        }


def scan(
    tree: Path,
    cache_path: Path | None,
    *,
    lists: Sequence[Path] = (),
    digests: Sequence[str] = ("sha256",),
    perceptual: Sequence[str] = (),
    verify_percent: float = 0.0,
    racy: bool = False,
    unreported: bool = False,
    **options: object,
) -> Scanned:
    """Examines a tree as a worker does.

    Args:
        tree: what to examine.
        cache_path: of the cache, if one is used.
        lists: to look for.
        digests: to compute besides.
        perceptual: to compute besides.
        verify_percent: as of the cache.
        unreported: only files with a finding or a fault have a result.
        racy: what has just been written is not trusted, as in a real run.
        options: of the configuration.
    """
    config = ScanConfig(
        roots=(os.fsencode(tree),),
        deny_lists=tuple(ListSpec(str(path), Role.DENY) for path in lists),
        algorithms=tuple(map(AlgorithmName, digests)),
        perceptual_algorithms=tuple(map(AlgorithmName, perceptual)),
        **options,  # type: ignore[arg-type] # forwards keywords
    )
    entries = [one for one in LocalSource(config.roots).walk() if isinstance(one, Entry)]
    warnings: list[str] = []
    with load_lists(config.lists) as loaded:
        plan = plan_for(config, loaded)
        if cache_path is None:
            answer = _examine(plan, entries, [None] * len(entries), report_all=not unreported)
        else:
            now_ns = time.time_ns()
            places = Eligibility(None if racy else now_ns + 10 * 10**9)
            with Cache(str(cache_path), verify_percent, warn=warnings.append, places=places) as cache:
                plan = msgspec.structs.replace(plan, recipes=cache.prepare(recipes_for(plan)))
                cache.begin(new_run_id(now_ns))
                known: list[CachedGroup | None] = []
                for _, run in groupby(entries, key=lambda entry: id(entry.location.container)):
                    group = list(run)
                    names = [entry.location.cache_name for entry in group]
                    known += [cache.look_up(group[0], names, [entry.stat for entry in group])] * len(group)
                answer = _examine(plan, entries, known, report_all=not unreported)
                for kept in answer.cache.to_keep:
                    cache.keep(entries[kept.item], kept)
                plain = answer.cache.plain
                for item, values in zip(plain.items, plain.values, strict=True):
                    cache.keep_plain(entries[item], [place_of(entries[item])], plain.numbers, [values])
    found = {
        entries[one.item].path: msgspec.structs.replace(one, from_run=None, bytes_read=0) for one in answer.reported
    }
    return Scanned(found, len(answer.cache.hits), answer.cache.damaged, warnings)


def _examine(
    plan: WorkerConfig, entries: Sequence[Entry], known: Sequence[CachedGroup | None], *, report_all: bool
) -> Answer:
    plan = msgspec.structs.replace(plan, report_all=report_all)
    progress = memoryview(bytearray(8 * PROGRESS_WORDS)).cast("q")
    progress[ALLOWED_BYTES] = 1 << 60
    tasks = [Task(None, entry, report=report_all, known=one) for entry, one in zip(entries, known, strict=True)]
    with patch.object(examiner, "NEWS_NS", 1 << 62):  # a batch with a fault would end early on a slow machine
        return Examiner(plan, progress).examine_batch(WorkBatch(1, grouped(tasks)))
