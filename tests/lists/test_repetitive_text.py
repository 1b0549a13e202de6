"""Text that repeats itself takes no time that doubles with each character, whichever format it resembles."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from hashaudit.errors import ListError

SHA256 = hashlib.sha256(b"x").hexdigest()
LINES = [
    " " * 200 + "x",
    "/**/" * 200 + "x",
    'import "a" ' * 200 + "x",
    f"{SHA256};" + "a" * 2000 + "!",
    f"{SHA256}  " + "a" * 2000 + "!",
    f"{SHA256} *" + f"{SHA256} " * 200 + "!",
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_repetitive_text_is_read_or_refused(read: Callable[..., Any], line: str) -> None:
    said = ""
    try:
        read(f"{line}\n{SHA256}  a\n".encode())
    except ListError as error:
        said = str(error)
    assert SHA256 not in said
