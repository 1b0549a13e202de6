"""Masks secrets in what is recorded and logged: command lines, addresses and messages.

A word that may be a secret is masked even where it may be something else: a record cannot be unpublished. Names of
files stay, except those that look like a parameter with a secret.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from hashaudit.lazy import lazy_pattern

MASK = "***"

_URL = lazy_pattern(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BUCKET_URL = lazy_pattern(r"(?:s3|az)://", re.IGNORECASE)
"""Their keys may contain ``@``. They have no credentials, but a user may put some before the first ``/``."""

_NAME = (
    r"[\w.-]*(?:sig|signature|token|secret|password|passwd|passphrase|pwd|credentials?"
    r"|(?:account|access|shared|secret|api|private|storage|subscription)[_-]?key|access[_-]?key[_-]?id)"
)
_PARAMETER = lazy_pattern(rf"([?&#])({_NAME}|key|pass|auth|code)=[^&]+", re.IGNORECASE)
"""In the query of a URL, or in a shared access signature that begins with ``?``."""

_SETTING = lazy_pattern(rf"(\A|[;,\s=\"'])({_NAME})=(?:\"[^\"]*\"|'[^']*'|[^;]+)", re.IGNORECASE)
"""In a connection string. Source: Azure Storage, "Configure Azure Storage connection strings"; a value may hold any of
``&``, ``=``, ``/`` and ``+``, and a shared access signature holds a whole query."""

_STRING_OF_SETTINGS = lazy_pattern(r"(?:AccountKey|SharedAccess\w*|[?&]sig)=", re.IGNORECASE)

_ANY_SCHEME = "tcp://"

_ADDRESS_OPTIONS = frozenset({"--endpoint-url", "--scheduler"})
"""Their value is a host, with or without a scheme."""

_PLAIN_OPTIONS = frozenset({"--column-map"})
"""Their value is ``COLUMN=FIELD``, and a column may be called ``signature``."""


def mask_secrets(word: str) -> str:
    """Returns a value with the secrets of URLs, connection strings and parameters replaced by ``***``.

    Credentials of a URL end at the last ``@``: people write passwords that contain ``@`` and ``/``, unescaped.
    """
    word = _SETTING.sub(rf"\1\2={MASK}", _without_credentials(word))
    return _PARAMETER.sub(rf"\1\2={MASK}", word)


def mask_address(address: str) -> str:
    """Returns the address of a server with its secrets replaced; it may lack a scheme."""
    if _URL.match(address):
        return mask_secrets(address)
    return mask_secrets(_ANY_SCHEME + address).removeprefix(_ANY_SCHEME)


def mask_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Returns a command line with the secrets of its words replaced."""
    return tuple(_masked_arguments(arguments))


def mask_options(arguments: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    """Returns a command line with the values of some options replaced, such as ``--passphrase-file``."""
    words = list(arguments)
    for place, word in enumerate(arguments):
        name, equals, _ = word.partition("=")
        if name in names and equals:
            words[place] = f"{name}={MASK}"
        elif name in names and place + 1 < len(words):
            words[place + 1] = MASK
    return tuple(words)


def mask_message(message: str) -> str:
    """Returns a message with the secrets of its URLs and connection strings replaced. The names of files stay."""
    return re.sub(r"\S+", lambda word: _in_message(word[0]), message)


def _masked_arguments(arguments: Sequence[str]) -> Iterator[str]:
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in _ADDRESS_OPTIONS and equals:
            yield f"{name}={mask_address(value)}"
        elif option in _ADDRESS_OPTIONS:
            yield mask_address(argument)
        elif option in _PLAIN_OPTIONS or (name in _PLAIN_OPTIONS and equals):
            yield argument
        else:
            yield mask_secrets(argument)
        option = argument


def _without_credentials(word: str) -> str:
    scheme = _URL.search(word)
    if scheme is None:
        return word
    start, end = scheme.end(), word.rfind("@")
    if _BUCKET_URL.match(scheme[0]):
        bucket = word[start:].partition("/")[0]
        if not {"@", ":"} & set(bucket):
            return word
    if end < start:
        return word
    # The last @ may be part of another secret. What is left of it would then be the rest of that secret.
    first = min((found.start() for found in (_SETTING.search(word), _PARAMETER.search(word)) if found), default=end)
    return f"{word[:start]}{MASK}{word[end:]}" if first >= end else f"{word[: min(start, first)]}{MASK}"


def _in_message(word: str) -> str:
    return mask_secrets(word) if _URL.search(word) or _STRING_OF_SETTINGS.search(word) else word
