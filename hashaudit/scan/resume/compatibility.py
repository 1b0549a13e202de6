"""Compares two run headers. Resume and merge require roots, lists and settings to be equal."""

from collections.abc import Iterator

import msgspec

from hashaudit.record.header import HashList, RunHeader

FREE_SETTINGS = frozenset(
    {"workers", "max_rate_bytes_per_s", "low_impact", "cache_state", "executor", "scheduler", "wait_for_workers_s"}
)
"""Settings that decide how fast a scan is and where it runs, but not what it finds."""

SHARD_SETTINGS = frozenset({"shard", "cache", "cache_verify_percent"})
"""Settings that may differ between shards."""

FREE_LIST_FIELDS = frozenset({"path", "path_uri", "mtime"})
"""A list is identified by its content, not by its location."""

_SAME_FIELDS = ("inclusions", "exclusions", "tool", "versions")
_NOTES = ("case", "exhibit", "examiner", "note")


def differences(before: RunHeader, now: RunHeader) -> tuple[str, ...]:
    """Returns the differences that prevent resuming, as text; empty if there are none.

    Args:
        before: the header of the interrupted scan.
        now: the header that a new scan would have.
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
    """Returns the differences that prevent two scans from being shards of one, as text; empty if there are none."""
    found = [*_differences(first, other, FREE_SETTINGS | SHARD_SETTINGS)]
    found += [f"another {name}" for name in _NOTES if getattr(first, name) != getattr(other, name)]
    return tuple(found)


def _differences(before: RunHeader, now: RunHeader, free: frozenset[str]) -> Iterator[str]:
    if [(root.path, root.path_uri) for root in before.roots] != [(root.path, root.path_uri) for root in now.roots]:
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
