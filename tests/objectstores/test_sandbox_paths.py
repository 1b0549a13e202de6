"""The files that a sandboxed client of stores may read."""

import pytest

from hashaudit.objectstores import sandbox_paths


@pytest.mark.parametrize("schemes", [("s3",), ("az",), ("s3", "az")])
def test_files_that_variables_name_are_readable(monkeypatch: pytest.MonkeyPatch, schemes: tuple[str, ...]) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/opt/authorities.pem")
    found = sandbox_paths.sandbox_paths(schemes)
    assert {b"/opt/authorities.pem", b"/etc/resolv.conf"} <= set(found)
    assert all(path.startswith(b"/") for path in found)
