"""Converts an unexpected exception into a fault."""

import os

from hashaudit.model.faults import Fault, FaultCode, Stage


def internal_error(stage: Stage, error: Exception) -> Fault:
    """Returns the fault for an exception raised while one file was examined.

    Records exception type and location. Omits the message, which may contain file content, and the source line, which
    the sandbox does not let be read.
    """
    if isinstance(error, MemoryError):
        return Fault(stage, FaultCode.OUT_OF_MEMORY, "more memory was needed than --max-memory allows")
    place = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return Fault(
        stage, FaultCode.INTERNAL_ERROR, f"internal error: {type(error).__name__} in {place}; please report it"
    )


class ReadersNeededError(Exception):
    """A file is a container, and this process has not loaded the readers. Another process examines it."""


class WorkerExhaustedError(Exception):
    """A file used up resources of this process that it cannot recover. It must not examine another."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
        """Exit status."""
