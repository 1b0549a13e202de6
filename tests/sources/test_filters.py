import os

import pytest

from hashaudit.model.faults import SkipReason
from hashaudit.sources.filesystems import Filesystems
from hashaudit.sources.filters import DirectoryRoot, Filters, Patterns, WalkOptions


@pytest.mark.parametrize(("follow_links", "reason"), [(False, None), (True, SkipReason.ALREADY_VISITED)])
def test_the_root_met_below_itself(root: bytes, follow_links: bool, reason: SkipReason | None) -> None:
    """As a bind mount it shows what other mounts hide; as a link it would lead in a circle."""
    status = os.stat(root)
    folder = DirectoryRoot(root, status.st_dev, status.st_ino)
    options = WalkOptions(follow_links=follow_links)
    rules = Filters(options, Patterns(options), Filesystems(), [folder], [])
    assert rules.begin(folder) is None
    rules.entered(status, lambda: root, lambda: root)
    assert rules.directory_skip_reason(status, status.st_dev, lambda: root + b"/again", lambda: root) is reason
    assert rules.directory_skip_reason(status, status.st_dev, *[lambda: root + b"/again"] * 2) is None
    assert rules.begin(folder) is SkipReason.OTHER_ROOT
