import errno
import os

import pytest

from hashaudit.host.os_errors import code_of, fault_of
from hashaudit.model.faults import Fault, FaultCode, Stage


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, FaultCode.PERMISSION_DENIED),
        (errno.EPERM, FaultCode.PERMISSION_DENIED),
        (errno.ENOENT, FaultCode.NOT_FOUND),
        (errno.ENOTDIR, FaultCode.FILE_REPLACED),
        (errno.ENXIO, FaultCode.FILE_REPLACED),
        (errno.ELOOP, FaultCode.LINK_LOOP),
        (errno.ESTALE, FaultCode.STALE_HANDLE),
        (errno.EIO, FaultCode.IO_ERROR),
        (errno.ENOTCONN, FaultCode.IO_ERROR),
        (errno.ENAMETOOLONG, FaultCode.NAME_TOO_LONG),
        (errno.EMFILE, FaultCode.TOO_MANY_OPEN_FILES),
        (errno.ENFILE, FaultCode.TOO_MANY_OPEN_FILES),
        (errno.ENOMEM, FaultCode.OUT_OF_MEMORY),
        (errno.ETIMEDOUT, FaultCode.TIMEOUT),
        (errno.EAGAIN, FaultCode.TIMEOUT),
    ],
)
def test_each_error_has_its_code(number: int, code: FaultCode) -> None:
    assert code_of(OSError(number, os.strerror(number))) is code


def test_an_error_without_a_number_is_an_input_error() -> None:
    assert code_of(OSError()) is FaultCode.IO_ERROR


def test_a_fault_names_the_action_and_no_path() -> None:
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), b"/secret/path")
    assert fault_of(error, Stage.WALK, "list the directory", attempts=2) == Fault(
        Stage.WALK, FaultCode.NOT_FOUND, "cannot list the directory: No such file or directory", 2
    )
