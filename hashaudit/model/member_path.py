"""The path of a member of a container in manifests: ``a.zip!/b``. A directory ``a.zip!`` may hold such a file too."""

from collections.abc import Iterable

MEMBER_MARK = b"!/"
"""Between a container and the name of its member, which may hold any bytes."""


def member_path(file: bytes, names: Iterable[bytes]) -> bytes:
    """Returns the path of a member.

    Args:
        file: path of the container, or of the file around all containers.
        names: of the members on the way inwards.
    """
    return MEMBER_MARK.join((file, *names))


def split_member_path(path: bytes) -> tuple[bytes, bytes]:
    """Returns the path of the outermost container, and the rest with its mark; no rest: it is no path of a member."""
    file, mark, rest = path.partition(MEMBER_MARK)
    return file, mark + rest
