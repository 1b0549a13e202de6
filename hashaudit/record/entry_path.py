"""The path of an entry of a record as bytes, with the members on the way into containers."""

from hashaudit.model import paths
from hashaudit.record.schema import Entry

MEMBER_SEPARATOR = b"//"
"""Between a container and its member, as in ``a.zip//b``. For people only: an object's key may hold it too."""


def file_path(entry: Entry) -> bytes:
    """Returns the exact path or URL of the file or object, without members."""
    return paths.from_text(entry.path, entry.path_uri)


def joined_path(entry: Entry) -> bytes:
    """Returns the path of the entry, each member behind ``//``: ``/srv/a.zip//b/c.jpg``."""
    steps = [file_path(entry)]
    steps += [paths.from_text(member.name, member.name_uri) for member in entry.within]
    return MEMBER_SEPARATOR.join(steps)


def container_kinds(entry: Entry) -> tuple[str, ...]:
    """Returns the formats of the containers that the entry is in, from the outside inwards."""
    return tuple(member.format for member in entry.within)


def member_steps(entry: Entry) -> list[tuple[str, str, int]]:
    """Returns format, name and ordinal of each step into a container, for tables."""
    return [(member.format, member.name, member.ordinal) for member in entry.within]
