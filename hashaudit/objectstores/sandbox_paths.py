"""What a process that speaks to object stores reads of its machine: names of hosts, certificates, credentials, code.

A process in a cage has to be let at these, for names are looked up and credentials renewed as long as it runs.
"""

import os
import ssl
import sys
import sysconfig

_SYSTEM = (
    b"/etc/resolv.conf",
    b"/etc/hosts",
    b"/etc/host.conf",
    b"/etc/nsswitch.conf",
    b"/etc/gai.conf",
    b"/etc/services",
    b"/etc/localtime",
    b"/etc/ld.so.cache",
    b"/etc/ssl",
    b"/etc/pki",
    b"/etc/ca-certificates",
    b"/run/systemd/resolve",
    b"/lib",
    b"/lib64",
    b"/usr/lib",
    b"/usr/lib64",
    b"/usr/share/zoneinfo",
    b"/usr/share/ca-certificates",
    b"/usr/local/share/ca-certificates",
)
"""The C library's: resolver(5), nsswitch.conf(5), whose modules it loads at the first look-up; and certificates."""

_NAMED_BY = (
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
"""Environment variables of the stores' tools that name files."""

_HOME = ("~/.aws", "~/.azure")

RESERVED_BYTES = 3 << 30
"""Address space that the threads of a process take without using it: stacks, and the C library's arenas."""


def sandbox_paths() -> tuple[bytes, ...]:
    """Absolute paths, of which some may not be there."""
    certificates = ssl.get_default_verify_paths()
    named = [os.environ.get(name) for name in _NAMED_BY]
    # Libraries are also where PYTHONPATH, a .pth file or a user's own site-packages say, and load parts of them late.
    code = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), *sys.path]
    found = [*named, *code, certificates.cafile, certificates.capath, *(os.path.expanduser(path) for path in _HOME)]
    return _SYSTEM + tuple(os.path.realpath(os.fsencode(path)) for path in found if path)
