"""Maps errors of the operating system to fault codes.

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
    "ENXIO": FaultCode.FILE_REPLACED,  # a socket, or a device without a driver, replaced the file
    "ELOOP": FaultCode.LINK_LOOP,
    "ESTALE": FaultCode.STALE_HANDLE,
    "ENAMETOOLONG": FaultCode.NAME_TOO_LONG,
    "EMFILE": FaultCode.TOO_MANY_OPEN_FILES,
    "ENFILE": FaultCode.TOO_MANY_OPEN_FILES,
    "ENOMEM": FaultCode.OUT_OF_MEMORY,
    "ETIMEDOUT": FaultCode.TIMEOUT,
    "EHOSTDOWN": FaultCode.TIMEOUT,
    "EAGAIN": FaultCode.TIMEOUT,  # another process did not release its lease in time
}
_BY_NUMBER: dict[int, FaultCode] = {getattr(errno, name): code for name, code in _CODES.items() if hasattr(errno, name)}
"""Fault codes by error number. Systems lack some of the names."""


def code_of(error: OSError) -> FaultCode:
    """Returns the fault code of an error; ``io_error`` if the table does not have it."""
    return _BY_NUMBER.get(error.errno or 0, FaultCode.IO_ERROR)


def fault_of(error: OSError, stage: Stage, doing: str, *, attempts: int = 1) -> Fault:
    """Makes a fault from an error. The message has no path.

    Args:
        error: the error of the operating system.
        stage: the stage that failed.
        doing: the failed action, for the message: ``list the directory``.
        attempts: number of attempts.
    """
    return Fault(stage, code_of(error), f"cannot {doing}: {error.strerror or type(error).__name__}", attempts)
