"""Checks of Python, the packages that decide results, decoders, and the programs with which third parties verify."""

import platform
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from hashaudit.content.containers.optional_readers import OPTIONAL_READERS
from hashaudit.content.containers.reader_registry import readable_kinds
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.content.images.formats import ImageFormat
from hashaudit.doctor.check import Check, State
from hashaudit.installed_versions import DECIDING_PACKAGES
from hashaudit.lists.algorithms import SHA256
from hashaudit.model.containers import ContainerKind
from hashaudit.model.results import AlgorithmName

CPU_INFO = "/proc/cpuinfo"
SHA_FLAGS = ("sha_ni", "sha2")
"""Processor flags of x86-64 and ARMv8, by the kernel's cpufeatures and hwcap names."""

SHA512 = AlgorithmName("sha512")
FAST_SHA256_BYTES_PER_S = 700 << 20
"""No current processor reaches it without SHA-256 instructions, and each reaches it with them."""

MEASURED_BYTES = 1 << 20
MEASURED_S = 0.02
"""Seconds for each digest: long enough to see a factor of two."""

PROGRAM_TIMEOUT_S = 5.0

_FEATURES: dict[ImageFormat, str] = {
    ImageFormat.JPEG: "jpg",
    ImageFormat.PNG: "zlib",
    ImageFormat.WEBP: "webp",
    ImageFormat.TIFF: "libtiff",
    ImageFormat.AVIF: "avif",
    ImageFormat.JPEG_2000: "jpg_2000",
}
"""Names in Pillow's features module of the codecs that a build may lack."""


def python() -> Iterator[Check]:
    """Checks the interpreter and the packages."""
    yield Check("software.python", State.OK, f"{platform.python_implementation()} {platform.python_version()}")
    found = {}
    for package in ("hashaudit", *DECIDING_PACKAGES):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "without metadata"
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    if "without metadata" in found.values():
        yield Check("software.packages", State.WARNING, text, "install with pip, so that findings name the versions")
    else:
        yield Check("software.packages", State.OK, text)


def codecs() -> Iterator[Check]:
    """Checks which image formats can be decoded."""
    # Start-up: only this check needs the decoders.
    from PIL import features  # noqa: PLC0415 # as above

    from hashaudit.content.images import more_codecs  # noqa: PLC0415 # as above
    from hashaudit.content.images.pillow import can_decode  # noqa: PLC0415 # as above

    usable = [kind for kind in ImageFormat if can_decode(kind) and _is_built_in(features, kind)]
    missing = [kind for kind in _FEATURES if kind not in usable]
    yield Check("software.codecs", State.OK, f"decoded: {', '.join(usable)}")
    if missing:
        found = f"not decoded: {', '.join(missing)}; such images are faults if a list has perceptual hashes"
        yield Check("software.codecs_missing", State.WARNING, found, "install Pillow from its own wheel")
    if ImageFormat.HEIC not in usable:
        found = "not decoded: heic; such images are faults if a list has perceptual hashes"
        yield Check("software.heic", State.WARNING, found, "pip install 'hashaudit[heic]'")
    if not more_codecs.is_installed():
        names = ", ".join(sorted(more_codecs.FORMATS))
        found = f"not decoded: {names}, rare codings of jpeg; such images are faults if a list has perceptual hashes"
        yield Check("software.images_more", State.WARNING, found, f"pip install 'hashaudit[{more_codecs.EXTRA}]'")


def readers() -> Iterator[Check]:
    """Checks which containers can be opened, and which extras bring more."""
    readable, optional = readable_kinds(), frozenset(OPTIONAL_READERS)
    # A later volume is read with the first one of its set.
    kinds = [kind for kind in ContainerKind if kind is not ContainerKind.VOLUME]
    yield Check("software.readers", State.OK, f"opened: {', '.join(kind for kind in kinds if kind in readable)}")
    for extra in sorted({OPTIONAL_READERS[kind].extra for kind in optional - readable}):
        missing = [kind for kind in kinds if kind in optional - readable and OPTIONAL_READERS[kind].extra == extra]
        found = f"not opened: {', '.join(missing)}; such containers are faults if a list to look for is loaded"
        yield Check(f"software.readers_{extra}", State.WARNING, found, f"pip install 'hashaudit[{extra}]'")
    names = ", ".join(kind for kind in kinds if kind not in readable | optional)
    yield Check("software.readers_none", State.OK, f"not opened by this version: {names}")


def _is_built_in(features: object, kind: ImageFormat) -> bool:
    feature = _FEATURES.get(kind)
    check = getattr(features, "check", None)
    return feature is None or (callable(check) and bool(check(feature)))


def digests() -> Iterator[Check]:
    """Measures each digest on one processor, and checks that OpenSSL uses the processor's SHA instructions."""
    speeds = {name: _bytes_per_s(name) for name in DIGESTS}
    shown = ", ".join(f"{name} {speed / 2**20:,.0f}" for name, speed in speeds.items())
    yield Check("digests.speed", State.OK, f"MiB/s on one processor: {shown}")
    has, fast = _has_sha_instructions(), speeds[SHA256] >= FAST_SHA256_BYTES_PER_S
    uses = fast or speeds[SHA256] > 1.2 * speeds[SHA512]
    if has and not uses:
        found = f"{ssl.OPENSSL_VERSION} does not use the processor's SHA instructions"
        advice = "use a Python that is built with OpenSSL 1.1.1 or newer, and unset OPENSSL_ia32cap"
        yield Check("digests.sha_extensions", State.WARNING, found, advice)
    else:
        used = {True: "hardware SHA in use", False: "the processor has no SHA instructions", None: "processor unknown"}
        found = f"{ssl.OPENSSL_VERSION}; {used[has]}"
        yield Check("digests.sha_extensions", State.OK, found)


def _bytes_per_s(name: AlgorithmName) -> float:
    data = bytes(MEASURED_BYTES)
    digest, done, begun_s = DIGESTS[name].new(), 0, time.perf_counter()
    while (elapsed_s := time.perf_counter() - begun_s) < MEASURED_S or not done:
        digest.update(data)
        done += len(data)
    return done / max(elapsed_s, 1e-9)


def _has_sha_instructions() -> bool | None:
    try:
        with open(CPU_INFO, encoding="ascii", errors="replace") as file:
            flags = {
                word for line in file if line.startswith(("flags", "Features")) for word in line.split(":")[-1].split()
            }
    except OSError:
        return None
    return bool(flags.intersection(SHA_FLAGS)) if flags else None


def programs() -> Iterator[Check]:
    """Checks the programs with which a third party verifies findings; a scan needs neither."""
    for name, ask in (("ssh-keygen", ("ssh", "-V")), ("jq", ("jq", "--version"))):
        place = shutil.which(name)
        check = f"software.{name.replace('-', '_')}"
        if place is None:
            package = "openssh-client" if name == "ssh-keygen" else name
            found = "not on PATH; findings can be verified here only with hashaudit"
            yield Check(check, State.WARNING, found, f"install {package}")
        else:
            yield Check(check, State.OK, f"{place}, {_version_of(ask)}")


def _version_of(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "version unknown"
    lines = (done.stdout + done.stderr).decode(errors="replace").split("\n")
    return lines[0].strip() or "version unknown"
