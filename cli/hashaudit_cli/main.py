"""Entry point of the console script. It imports nothing heavy, so ``hashaudit --version`` answers at once."""

import atexit
import contextlib
import gc
import os
import sys

from hashaudit_cli.ui.streams import STANDARD_ERROR, STANDARD_OUTPUT, secure_standard_streams

PROGRAMS = frozenset({"hashdeep", "md5deep", "sha1deep", "sha256deep"})
"""Commands that are also the names of programs, whose flags they take."""

OBJECTS_PER_COLLECTION = 50_000
"""More objects than a start makes, which all stay: to search them for garbage takes a tenth of its time. The default
of 700 would do that hundreds of times."""


def main() -> None:
    """Runs the command and ends this process with its exit code (docs/reference/codes.md)."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    status: int | str | None = 0
    try:
        _run_command()
    except SystemExit as end:
        status = end.code
    if not isinstance(status, int | None):
        sys.exit(status)
    _end(status or 0)


def _end(status: int) -> None:
    """Ends this process as an interpreter ends, but does not take all modules apart, which takes a quarter of a run."""
    if (threading := sys.modules.get("threading")) is not None:
        threading._shutdown()  # noqa: SLF001 # joins threads, as the interpreter does
    atexit._run_exitfuncs()  # noqa: SLF001 # no other function calls them
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
    except OSError as error:
        status = status or (141 if isinstance(error, BrokenPipeError) else 4)
    os._exit(status & 0xFF)


def _run_command() -> None:
    """Runs the command.

    Raises:
        SystemExit: its exit code.
    """
    try:
        secure_standard_streams()
        program = os.path.basename(sys.argv[0])
        if program in PROGRAMS:
            # Called by the name of another program, through a link.
            sys.argv[1:1] = [program]
        if sys.argv[1:] in (["--version"], ["-V"]):
            from hashaudit import __version__  # noqa: PLC0415 # start-up: the command line is not needed for this

            print(f"hashaudit {__version__}", flush=True)
            return
        from hashaudit.host.process import forbid_core_dumps, forbid_inspection  # noqa: PLC0415 # start-up, as above

        # A core of this process would hold the signing key and the entries of lists.
        forbid_core_dumps()
        forbid_inspection()
        if sys.argv[1:2] == ["help"]:
            sys.argv[1:] = [*sys.argv[2:], "--help"]
        status = _run(sys.argv[1:])
        sys.stdout.flush()
        sys.exit(status)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        # Only standard output and standard error are left to fail here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_OUTPUT)
        if isinstance(error, BrokenPipeError):
            sys.exit(141)
        with contextlib.suppress(OSError):
            print(f"hashaudit: error: cannot write to: 'standard output'; {error.strerror}", file=sys.stderr)
            print("hint: make space, or write to another file", file=sys.stderr)
        sys.exit(4)
    finally:
        try:
            sys.stderr.flush()
        except OSError:
            # Messages that could not be written do not change the exit code.
            os.dup2(os.open(os.devnull, os.O_WRONLY), STANDARD_ERROR)


def _import_msgspec() -> None:
    """Imports msgspec, which tries ``typing_extensions`` first and is content with ``typing``.

    The former loads the parser and the disassembler of Python, which takes a twentieth of a start.
    """
    name = "typing_extensions"
    if name in sys.modules:
        return
    sys.modules[name] = None  # type: ignore[assignment] # as importlib documents it: an import of it fails
    try:
        import msgspec  # noqa: F401, PLC0415 # as above
    finally:
        del sys.modules[name]


def _run(words: list[str]) -> int:
    _import_msgspec()
    from hashaudit_cli.arguments import parse_arguments  # noqa: PLC0415 # start-up, as above
    from hashaudit_cli.command import find_command  # noqa: PLC0415 # as above

    command = find_command(words)
    if command is not None and command.takes_words and "--help" not in words:
        (argument, *_) = command.options
        return command.run({argument.field: words[1:]})
    given = parse_arguments(command.options, words[len(command.words.split()) :]) if command is not None else None
    if command is not None and given is not None:
        return command.run(given)
    from hashaudit_cli.app import app  # noqa: PLC0415 # as above
    from hashaudit_cli.usage_errors import run_application  # noqa: PLC0415 # as above

    return run_application(app)
