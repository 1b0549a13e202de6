"""The reason why an image is not decoded although it may be valid."""

from hashaudit.model.faults import FaultCode


class RefusalError(Exception):
    """A limit or a missing decoder ends the decoding of a file or frame. Becomes a fault."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class DamagedError(ValueError):
    """The decoder gives an image without content for a damaged file."""


def unsupported(message: str) -> RefusalError:
    """Returns the refusal of a kind of image that is not decoded."""
    return RefusalError(FaultCode.UNSUPPORTED_IMAGE, message)
