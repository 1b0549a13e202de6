"""Errors and names of all libraries of libyal."""

DAMAGED_MEMBER = "the content of the member is damaged"

LIBYAL_ERRORS = (OSError, RuntimeError, ValueError, MemoryError)
"""Raised by the libraries for damage: a damaged length may ask for any memory."""


def name_bytes(name: str | None) -> bytes:
    """Returns the bytes of a name that a library gives; none if there is no name."""
    return (name or "").encode("utf-8", "surrogatepass")
