"""What a caged process that speaks to stores may read."""

import sys

import pytest

from hashaudit.objectstores import sandbox_paths


def test_libraries_may_be_wherever_python_looks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", "/opt/libraries", "/opt/archive.zip"])
    found = sandbox_paths.sandbox_paths()
    assert {b"/opt/libraries", b"/opt/archive.zip"} <= set(found)
    assert all(path.startswith(b"/") for path in found)
