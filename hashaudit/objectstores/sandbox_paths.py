"""The files that a client of object stores needs: host names, certificates, credentials.

A sandboxed process must be able to read these, because it resolves host names and renews credentials throughout the
scan.
"""

import os
from collections.abc import Iterable

_SYSTEM = (
    b"/etc/resolv.conf",
    b"/etc/hosts",
    b"/etc/host.conf",
    b"/etc/nsswitch.conf",
    b"/etc/gai.conf",
    b"/etc/services",
    b"/etc/ssl",
    b"/etc/pki",
    b"/etc/ca-certificates",
    b"/run/systemd/resolve",
    b"/usr/share/ca-certificates",
    b"/usr/local/share/ca-certificates",
)
"""Files of the C library (resolver(5), nsswitch.conf(5) and the modules that it loads at the first look-up), and
certificates."""

_PATH_VARIABLES = (
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
)
"""Environment variables of the providers' tools that name files."""

_HOME = ("~/.aws", "~/.azure")

RESERVED_BYTES = 3 << 30
"""Address space that the threads of a process reserve without using it: stacks, and the C library's arenas."""


def sandbox_paths(schemes: Iterable[str]) -> tuple[bytes, ...]:
    """Returns absolute paths for the stores of these URL schemes. Some of them may not exist."""
    named = [os.environ.get(name) for name in _PATH_VARIABLES]
    found = [*named, *(os.path.expanduser(path) for path in _HOME)]
    if "az" in schemes:
        import ssl  # noqa: PLC0415 # slow to import, and the client of S3 is given its certificates

        certificates = ssl.get_default_verify_paths()
        found += [certificates.cafile, certificates.capath]
    return _SYSTEM + tuple(os.path.realpath(os.fsencode(path)) for path in found if path)
