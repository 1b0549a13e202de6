"""Compares two run headers. Resume and merge require roots, lists and settings to be equal."""

import os
from collections.abc import Iterator

import msgspec

from hashaudit.model.entry import Consistency
from hashaudit.record.header import HashList, Root, RootType, RunHeader
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.option import Resume, settings_with
from hashaudit.scan.run_header import CACHE_STATE
from hashaudit.sources.filesystems import SHARED_TYPES, Filesystem, family_of

FREE_LIST_FIELDS = frozenset({"path", "path_uri", "mtime"})
"""A list is identified by its content, not by its location."""

_SAME_FIELDS = ("inclusions", "exclusions", "tool", "versions")


def differences(before: RunHeader, now: RunHeader) -> tuple[str, ...]:
    """Returns the differences that prevent resuming, as text; empty if there are none.

    Args:
        before: the header of the interrupted scan.
        now: the header that a new scan would have.
    """
    found = [*_differences(before, now, free_settings())]
    found += [f"another {name}" for name in _notes() if getattr(now, name) not in {None, getattr(before, name)}]
    if before.key_fingerprint != now.key_fingerprint:
        found.append("another key")
    missing = sorted(set(before.sandbox) - set(now.sandbox))
    if missing:
        found.append(f"a sandbox without {', '.join(missing)}")
    return tuple(found)


def shard_differences(first: RunHeader, other: RunHeader) -> tuple[str, ...]:
    """Returns the differences that prevent two scans from being shards of one, as text; empty if there are none."""
    found = [*_differences(first, other, free_settings() | settings_with(ScanConfig, Resume.SHARD))]
    found += [f"another {name}" for name in _notes() if getattr(first, name) != getattr(other, name)]
    return tuple(found)


def root_differences(before: RunHeader, now: RunHeader) -> tuple[str, ...]:
    """Returns how the storage at the roots differs, as text; empty if it is the same as far as the headers show.

    A root that one of them could not examine is a fault there, and is not compared.
    """
    found: list[str] = []
    for root, other in zip(before.roots, now.roots, strict=False):
        if RootType.BUCKET in {root.type, other.type}:
            different = _bucket_difference(root, other)
        else:
            different = _root_difference(root, other, same_host=before.host == now.host)
        if different is not None:
            found.append(f"ROOT '{root.path}': {different}")
    return tuple(found)


def _bucket_difference(before: Root, now: Root) -> str | None:
    if (before.type, before.mount_source) == (now.type, now.mount_source):
        return None
    return f"at {_endpoint(before)} before, at {_endpoint(now)} now"


def _root_difference(before: Root, now: Root, *, same_host: bool) -> str | None:
    if before.inode is None or now.inode is None:
        return None
    if family_of(before.filesystem) != family_of(now.filesystem) or before.mount_source != now.mount_source:
        return f"on {_storage(before)} before, on {_storage(now)} now"
    unverified = Filesystem(before.filesystem).consistency is Consistency.UNVERIFIED_MOUNT
    if not same_host and before.filesystem not in SHARED_TYPES and not unverified:
        return f"on {_storage(before)} of another host"
    if same_host and _is_device(before) and before.device != now.device:
        return f"device {before.device} before, {now.device} now"
    if (before.filesystem in SHARED_TYPES or not unverified) and before.inode != now.inode:
        return f"another {before.type}: inode {before.inode} before, {now.inode} now"
    return None


def _is_device(root: Root) -> bool:
    """Returns whether the number is that of a block device. The kernel gives others away, 0:N, at each mount."""
    return root.device is not None and os.major(int(root.device)) != 0


def _endpoint(root: Root) -> str:
    return root.mount_source or "the endpoint of the provider"


def _storage(root: Root) -> str:
    return f"{root.mount_source or 'unknown storage'} ({root.filesystem or 'unknown type'})"


def free_settings() -> frozenset[str]:
    """Returns the header names of the settings that a resume may change."""
    return settings_with(ScanConfig, Resume.FREE) | {CACHE_STATE}


def _notes() -> list[str]:
    return sorted(settings_with(ScanConfig, Resume.NOTE))


def _differences(before: RunHeader, now: RunHeader, free: frozenset[str]) -> Iterator[str]:
    if [(root.path, root.path_uri) for root in before.roots] != [(root.path, root.path_uri) for root in now.roots]:
        yield "other ROOTs"
    if [_content(item) for item in before.lists] != [_content(item) for item in now.lists]:
        yield f"other lists, or other content of theirs ({_names(before.lists)} then, {_names(now.lists)} now)"
    if [one.sha256 for one in before.acceptances] != [one.sha256 for one in now.acceptances]:
        yield "other acceptances"
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
