"""The installed command and lists for it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from installed import Tool


@pytest.fixture
def hashaudit(tmp_path_factory: pytest.TempPathFactory) -> Tool:
    """The installed command."""
    return Tool(tmp_path_factory.mktemp("home"))


@pytest.fixture
def make_list(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a list of the sha256 of each given content."""

    def make(*contents: bytes, algorithm: str = "sha256") -> Path:
        path = tmp_path_factory.mktemp("list") / "list.txt"
        path.touch(mode=0o600)
        path.write_text("".join(f"{hashlib.new(algorithm, content).hexdigest()}\n" for content in contents))
        return path

    return make
