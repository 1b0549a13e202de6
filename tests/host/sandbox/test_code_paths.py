"""The paths of code that a sandboxed process may still load."""

import sys

import pytest

from hashaudit.host.sandbox.code_paths import code_paths


def test_libraries_may_be_anywhere_on_pythons_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/opt/libraries", "/opt/archive.zip"])
    found = code_paths()
    assert {b"/opt/libraries", b"/opt/archive.zip"} <= set(found)
    assert all(path.startswith(b"/") for path in found)
