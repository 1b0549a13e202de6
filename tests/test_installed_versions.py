"""Versions of packages, against the standard library's."""

import sys
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from hashaudit import installed_versions
from hashaudit.installed_versions import DECIDING_PACKAGES, of_package


def test_every_installed_package_has_the_version_of_its_metadata() -> None:
    names = {one.metadata["Name"] for one in distributions()}
    assert {name.lower() for name in names}.issuperset(DECIDING_PACKAGES)
    assert {name: of_package(name) for name in names} == {name: version(name) for name in names}


def test_a_package_that_is_not_installed_has_none() -> None:
    assert of_package("no-such-package") is None


def test_the_first_record_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, number in (("one", "1.0"), ("two", "2.0")):
        (tmp_path / place / f"Some_Name-{number}.dist-info").mkdir(parents=True)
    (tmp_path / "two" / "other-3.0.egg-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "absent"), str(tmp_path / "one"), str(tmp_path / "two")])
    installed_versions._recorded.cache_clear()
    try:
        assert of_package("some.name") == "1.0"
    finally:
        installed_versions._recorded.cache_clear()
