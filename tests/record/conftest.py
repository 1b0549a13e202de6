"""What the tests of findings share."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def disks_that_do_not_wait() -> Iterator[None]:
    """Spares thousands of small files the wait for a real disk. That files are synced, and when, has its own test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
