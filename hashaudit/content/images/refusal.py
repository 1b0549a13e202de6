"""The reason why an image is not decoded although it may be valid."""

from hashaudit.model.faults import FaultCode


class RefusalError(Exception):
    """A limit or a missing decoder ends the decoding of a file or frame. Becomes a fault."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def unsupported(message: str) -> RefusalError:
    """Returns the refusal of a kind of image that is not decoded.

    Args:
        message: of the closed set in hashaudit/workers/fault_texts.py.
    """
    return RefusalError(FaultCode.UNSUPPORTED_IMAGE, message)


def unsupported_coding(extra: str = "") -> RefusalError:
    """Returns the refusal of an image in a rare coding of a format that is decoded otherwise.

    Args:
        extra: the optional dependency that decodes it, if it is missing.
    """
    return unsupported("this coding of the format is not decoded" + (f"; install hashaudit[{extra}]" if extra else ""))
