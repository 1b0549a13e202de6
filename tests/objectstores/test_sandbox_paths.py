"""Tests the files that a sandboxed client of stores may read."""

import sys

import pytest

from hashaudit.objectstores import sandbox_paths


def test_libraries_may_be_anywhere_on_pythons_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/opt/libraries", "/opt/archive.zip"])
    found = sandbox_paths.sandbox_paths()
    assert {b"/opt/libraries", b"/opt/archive.zip"} <= set(found)
    assert all(path.startswith(b"/") for path in found)
