"""What an error of the operating system means in the closed set of faults.

Source of the meanings: errno(3), open(2), and for ENOKEY the kernel's fscrypt documentation.
"""

import errno

from hashaudit.model.faults import Fault, FaultCode, Stage

_CODES: dict[str, FaultCode] = {
    "EACCES": FaultCode.PERMISSION_DENIED,
    "EPERM": FaultCode.PERMISSION_DENIED,
    "ENOKEY": FaultCode.PERMISSION_DENIED,  # an encrypted file whose key is not loaded
    "ENOENT": FaultCode.NOT_FOUND,
    "ENOTDIR": FaultCode.FILE_REPLACED,
    "ENXIO": FaultCode.FILE_REPLACED,  # a socket, or a device without a driver, stands where a file was
    "ELOOP": FaultCode.LINK_LOOP,
    "ESTALE": FaultCode.STALE_HANDLE,
    "ENAMETOOLONG": FaultCode.NAME_TOO_LONG,
    "EMFILE": FaultCode.TOO_MANY_OPEN_FILES,
    "ENFILE": FaultCode.TOO_MANY_OPEN_FILES,
    "ENOMEM": FaultCode.OUT_OF_MEMORY,
    "ETIMEDOUT": FaultCode.TIMEOUT,
    "EHOSTDOWN": FaultCode.TIMEOUT,
    "EAGAIN": FaultCode.TIMEOUT,  # a lease of another process was not given up in time
}
_BY_NUMBER: dict[int, FaultCode] = {getattr(errno, name): code for name, code in _CODES.items() if hasattr(errno, name)}
"""Not every system has every name."""


def code_of(error: OSError) -> FaultCode:
    """The fault that an error stands for; what is not in the table is an ``io_error``."""
    return _BY_NUMBER.get(error.errno or 0, FaultCode.IO_ERROR)


def fault_of(error: OSError, stage: Stage, doing: str, *, attempts: int = 1) -> Fault:
    """A fault from an error.

    Args:
        error: what the system said.
        stage: where.
        doing: what was tried, for people: ``list the folder``.
        attempts: how often.
    """
    return Fault(stage, code_of(error), f"cannot {doing}: {error.strerror or type(error).__name__}", attempts)
