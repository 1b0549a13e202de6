"""Whether two runs look for the same in the same places, with the same means: what resuming and merging rest on."""

from collections.abc import Iterator

import msgspec

from hashaudit.record.header import HashList, RunHeader

FREE_SETTINGS = frozenset(
    {"workers", "max_rate_bytes_per_s", "low_impact", "cache_state", "executor", "scheduler", "wait_for_workers_s"}
)
"""Decide how fast a run is and where it is examined, and not what it finds."""

SHARD_SETTINGS = frozenset({"shard", "cache", "cache_verify_percent"})
"""Each shard's own."""

FREE_LIST_FIELDS = frozenset({"path", "path_b64", "mtime"})
"""A list is what it holds, wherever it lies by now."""

_SAME_FIELDS = ("inclusions", "exclusions", "tool", "versions")
_NOTES = ("case", "exhibit", "examiner", "note")


def differences(before: RunHeader, now: RunHeader) -> tuple[str, ...]:
    """What keeps a run from being continued, for people; empty when nothing does.

    Args:
        before: the header of the interrupted run.
        now: the header that a new run would have.
    """
    found = [*_differences(before, now, FREE_SETTINGS)]
    found += [f"another {name}" for name in _NOTES if getattr(now, name) not in {None, getattr(before, name)}]
    if before.key_fingerprint != now.key_fingerprint:
        found.append("another key")
    missing = sorted(set(before.sandbox) - set(now.sandbox))
    if missing:
        found.append(f"a sandbox without {', '.join(missing)}")
    return tuple(found)


def shard_differences(first: RunHeader, other: RunHeader) -> tuple[str, ...]:
    """What keeps two runs from being shards of one, for people; empty when nothing does."""
    found = [*_differences(first, other, FREE_SETTINGS | SHARD_SETTINGS)]
    found += [f"another {name}" for name in _NOTES if getattr(first, name) != getattr(other, name)]
    return tuple(found)


def _differences(before: RunHeader, now: RunHeader, free: frozenset[str]) -> Iterator[str]:
    if [(root.path, root.path_b64) for root in before.roots] != [(root.path, root.path_b64) for root in now.roots]:
        yield "other ROOTs"
    if [_content(item) for item in before.lists] != [_content(item) for item in now.lists]:
        yield f"other lists, or other content of theirs ({_names(before.lists)} then, {_names(now.lists)} now)"
    for name in sorted({*before.config, *now.config} - free):
        if before.config.get(name) != now.config.get(name):
            yield f"another setting of {name}"
    for name in _SAME_FIELDS:
        if getattr(before, name) != getattr(now, name):
            yield f"another {name}"


def _content(item: HashList) -> dict[str, object]:
    fields: dict[str, object] = msgspec.structs.asdict(item)
    return {name: value for name, value in fields.items() if name not in FREE_LIST_FIELDS}


def _names(lists: tuple[HashList, ...]) -> str:
    return ", ".join(item.name for item in lists) or "none"
