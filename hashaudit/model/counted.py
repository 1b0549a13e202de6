"""Words that agree with a number."""


def counted(number: int, singular: str, plural: str = "") -> str:
    """Returns a number and what it counts: ``1 file``, ``2,000 files``.

    Args:
        number: how many.
        singular: what stands behind 1.
        plural: what stands behind every other number; by default ``singular`` and an s.
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
