"""What all tests share: the rule about skips, and hypothesis profiles."""

import os

import pytest
from hypothesis import HealthCheck, settings

# Timing belongs to benchmarks: a busy machine must not fail a property.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Where HASHAUDIT_NO_SKIPS is set, a skipped test is a failed one: the environment lacks what it should have."""
    report = yield
    if report.skipped and os.environ.get("HASHAUDIT_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report
