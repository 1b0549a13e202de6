"""The path of an entry of a record as bytes, with the members on the way into containers."""

from hashaudit.model import paths
from hashaudit.record.schema import Entry, EntryRecord, ObjectState

MEMBER_SEPARATOR = b"//"
"""Between a container and its member, as in ``a.zip//b``. For people only: an object's key may hold it too."""


def file_path(entry: Entry) -> bytes:
    """Returns the exact path or URL of the file or object, without members."""
    return paths.from_text(entry.path, entry.path_uri)


def joined_path(entry: Entry) -> bytes:
    """Returns the path of the entry, each member behind ``//``: ``/srv/a.zip//b/c.jpg``.

    Members without a name on the way are skipped, as the tar in a ``.tgz`` and the disk in an image are: ``a.tgz//b``.
    """
    *above, last = (file_path(entry), *member_names(entry))
    return MEMBER_SEPARATOR.join((*filter(None, above), last))


def member_names(entry: Entry) -> tuple[bytes, ...]:
    """Returns the exact names of the members on the way inwards; none for a file."""
    return tuple(paths.from_text(member.name, member.name_uri) for member in entry.within)


def content_size(record: EntryRecord) -> int | None:
    """Returns the size of the content that the digests are of: of a member, its own; ``None`` if it is unknown."""
    if record.entry.within:
        size = record.entry.within[-1].size
        return None if size is None else int(size)
    return None if record.state is None else int(record.state.size)


def content_time(record: EntryRecord) -> str | None:
    """Returns the time of the last change of the same content. That of a member may lack a time zone."""
    if record.entry.within:
        return record.entry.within[-1].mtime
    state = record.state
    return None if state is None else state.last_modified if isinstance(state, ObjectState) else state.mtime


def container_kinds(entry: Entry) -> tuple[str, ...]:
    """Returns the formats of the containers that the entry is in, from the outside inwards."""
    return tuple(member.format for member in entry.within)


def member_steps(entry: Entry) -> list[tuple[str, str, int]]:
    """Returns format, name and ordinal of each step into a container, for tables."""
    return [(member.format, member.name, member.ordinal) for member in entry.within]
