"""Start of the single file: unpacks the wheels within it once, then runs hashaudit from there.

It becomes ``__main__.py`` of the archive that ``build_standalone.py`` makes. The unpacked directory is a virtual
environment of the Python that runs this file, so that worker processes and the sandbox find their modules as in any
other install.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import platform
import shutil
import stat
import sys
import sysconfig
import tempfile
import zipfile

OLDEST_PYTHON = (3, 11)

LISTING = "files.json"
"""Path, size and time of every unpacked file. It is written last, so a directory without it is incomplete."""

FILE_TIME_S = 315_532_800
"""Time of unpacked files, 1980-01-01. A file with another time has been changed since."""

DIRECTORY_VARIABLE = "HASHAUDIT_STANDALONE_DIR"

START = """import sys
sys.argv[:] = sys.argv[1:]
from hashaudit_cli.main import main
main()
"""


class StandaloneError(Exception):
    """The file cannot run here."""


def main() -> None:
    """Replaces this process by hashaudit."""
    archive = os.path.abspath(sys.argv[0])
    try:
        environment = unpacked(archive)
    except (StandaloneError, zipfile.BadZipFile) as error:
        sys.exit(_failed(str(error)))
    except OSError as error:
        sys.exit(_failed(f"cannot unpack hashaudit: '{error.filename or archive}'; {error.strerror}"))
    python = os.path.join(environment, "bin", "python")
    # -P: never import a module of the current directory.
    os.execv(python, [python, "-P", os.path.join(environment, "start.py"), archive, *sys.argv[1:]])  # noqa: S606 # no shell is wanted


def _failed(message: str) -> int:
    print(f"hashaudit: error: {message}", file=sys.stderr)
    return 4


def unpacked(archive: str) -> str:
    """Returns the directory with the unpacked content of the archive; unpacks it if there is none.

    Raises:
        StandaloneError: the file is for another Python or system, is damaged, or there is no place for its content.
        OSError: the content cannot be written.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise StandaloneError(f"this file needs Python 3.11 or newer; this is Python {platform.python_version()}")
    with zipfile.ZipFile(archive) as content:
        manifest = content.read("manifest.json")
        described = json.loads(manifest)
        wheels = _wheels(described)
        # Another Python needs another environment, also one of the same version at another place.
        interpreter = os.path.realpath(sys.executable)
        name = hashlib.sha256(manifest + f"{interpreter} {platform.python_version()}".encode()).hexdigest()
        target = os.path.join(_private_directory(), f"standalone-{name[:32]}")
        if not is_intact(target):
            _unpack(content, wheels, interpreter, target)
    return target


def _wheels(described: dict) -> dict:
    """Returns the digests of the wheels for this Python, by name."""
    tag = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
    if sysconfig.get_platform() != described["platform"]:
        raise StandaloneError(f"this file is for {described['platform']}; this system is {sysconfig.get_platform()}")
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        raise StandaloneError("this file needs a Linux with the GNU C library")
    if tag not in described["pythons"]:
        raise StandaloneError(f"this file is for {', '.join(described['pythons'])}; this is {tag}")
    return described["pythons"][tag]


def _private_directory() -> str:
    """Returns the first place that only this user can write, and that can hold libraries."""
    stated = os.environ.get(DIRECTORY_VARIABLE)
    refused = ""
    for path in [stated] if stated else _candidates():
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            refused = _refusal(path)
        except OSError as error:
            refused = f"'{path}': {error.strerror}"
        if not refused:
            return path
    raise StandaloneError(f"no place to unpack hashaudit; {refused}; name a directory of yours in {DIRECTORY_VARIABLE}")


def _candidates() -> list:
    found = []
    if os.environ.get("XDG_CACHE_HOME", "").startswith("/"):
        found.append(os.path.join(os.environ["XDG_CACHE_HOME"], "hashaudit"))
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        found.append(os.path.join(home, ".cache", "hashaudit"))
    return [*found, os.path.join(tempfile.gettempdir(), f"hashaudit-{os.getuid()}")]


def _refusal(path: str) -> str:
    """Returns why a directory cannot be used; empty if it can."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        return f"'{path}' is not a directory"
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        return f"'{path}' belongs to another user, or others can write it"
    if os.statvfs(path).f_flag & os.ST_NOEXEC:
        return f"'{path}' is on a filesystem mounted noexec"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"'{path}' cannot be written"


def is_intact(target: str) -> bool:
    """Returns whether everything that was unpacked is still there. It compares sizes and times, not digests."""
    try:
        with open(os.path.join(target, LISTING), encoding="utf-8") as file:
            listing = json.load(file)
        for path, size in listing.items():
            found = os.lstat(os.path.join(target, path))
            if (found.st_size, found.st_mtime) != (size, FILE_TIME_S):
                return False
        return os.path.exists(os.path.join(target, "bin", "python"))
    except (OSError, ValueError):
        return False


def _unpack(content: zipfile.ZipFile, wheels: dict, interpreter: str, target: str) -> None:
    made = tempfile.mkdtemp(prefix="unpacking-", dir=os.path.dirname(target))
    try:
        listing = {}
        packages = os.path.join("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
        for name, digest in sorted(wheels.items()):
            data = content.read(name)
            if hashlib.sha256(data).hexdigest() != digest:
                raise StandaloneError(f"this file is damaged: '{name}'; its digest differs")
            with zipfile.ZipFile(io.BytesIO(data)) as wheel:
                listing.update(_unpack_wheel(wheel, made, packages))
        listing["start.py"] = _write(made, "start.py", START.encode())
        home = os.path.dirname(getattr(sys, "_base_executable", None) or interpreter)
        listing["pyvenv.cfg"] = _write(made, "pyvenv.cfg", f"home = {home}\n".encode())
        os.makedirs(os.path.join(made, "bin"))
        os.symlink(interpreter, os.path.join(made, "bin", "python"))
        with open(os.path.join(made, LISTING), "w", encoding="utf-8") as file:
            json.dump(listing, file)
        _put(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _put(made: str, target: str) -> None:
    """Gives the complete directory its name, in one step. Another start may do the same now."""
    if os.path.lexists(target) and not is_intact(target):
        spoilt = tempfile.mkdtemp(prefix="spoilt-", dir=os.path.dirname(target))
        with contextlib.suppress(FileNotFoundError):
            os.rename(target, os.path.join(spoilt, "environment"))
        shutil.rmtree(spoilt, ignore_errors=True)
    try:
        os.rename(made, target)
    except OSError:
        if not is_intact(target):
            raise


def _unpack_wheel(wheel: zipfile.ZipFile, made: str, packages: str) -> dict:
    """Writes the files of a wheel; returns their sizes by path.

    Source: Python packaging user guide, "Binary distribution format".
    """
    record_name = next(name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
    lines = wheel.read(record_name).decode().splitlines()
    digests = {line.rsplit(",", 2)[0].strip('"').replace('""', '"'): line.rsplit(",", 2)[1] for line in lines}
    sizes = {}
    for name in wheel.namelist():
        place = _place(name, packages)
        if place is None:
            continue
        if os.path.isabs(place) or ".." in place.split("/"):
            raise StandaloneError(f"a wheel has a path outside of it: '{name}'")
        data = wheel.read(name)
        stated = digests.get(name, "")
        if stated.startswith("sha256="):
            actual = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            if stated != f"sha256={actual}":
                raise StandaloneError(f"this file is damaged: '{name}'; its digest differs")
        elif name != record_name:
            raise StandaloneError(f"a wheel states no digest of '{name}'")
        sizes[place] = _write(made, place, data)
    return sizes


def _place(name: str, packages: str):
    """Returns where a file of a wheel belongs, relative to the environment; ``None``: nowhere."""
    if name.endswith("/"):
        return None
    first, _, rest = name.partition("/")
    if not first.endswith(".data"):
        return f"{packages}/{name}"
    scheme, _, rest = rest.partition("/")
    return {"purelib": f"{packages}/{rest}", "platlib": f"{packages}/{rest}", "data": rest}.get(scheme)


def _write(made: str, place: str, data: bytes) -> int:
    path = os.path.join(made, place)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (FILE_TIME_S, FILE_TIME_S))
    return len(data)


if __name__ == "__main__":
    main()
