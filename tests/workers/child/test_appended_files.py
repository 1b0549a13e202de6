"""A file that was appended to: which of its two results counts."""

import msgspec
import pytest

from hashaudit.content.read import ReadOutcome
from hashaudit.content.read.stable_prefix import StablePrefix
from hashaudit.lists.algorithms import SHA256
from hashaudit.model.containers import ContainerKind, ContainerResult
from hashaudit.model.entry import Consistency, Stat
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.workers.child.analyze import AnalysisResult
from hashaudit.workers.child.sink import Content

BEFORE, AFTER = Stat(0o100644, 1, 2, 1, 3, 4, 5), Stat(0o100644, 1, 2, 1, 9, 4, 5)
CHANGED = Fault(Stage.READ, FaultCode.CHANGED_WHILE_READ, "size or times changed while the file was read")
OUTCOME: ReadOutcome[Content] = ReadOutcome(
    None, AFTER, 9, Consistency.CHANGED_WHILE_READ, (CHANGED,), BEFORE, 3, prefix=StablePrefix(BEFORE, {SHA256: b"p"})
)
ANALYSIS = AnalysisResult(OUTCOME, {SHA256: b"w"}, None, (CHANGED,), 9)


def test_the_result_is_of_the_content_when_the_reading_began() -> None:
    found = ANALYSIS.of_prefix()
    assert found is not None
    assert (found.digests, found.size_bytes, found.faults) == ({SHA256: b"p"}, 3, ())
    outcome = found.outcome
    assert (outcome.stat, outcome.bytes_read) == (BEFORE, 3)
    assert outcome.consistency is Consistency.APPENDED_WHILE_READ


def test_another_fault_stays() -> None:
    fault = Fault(Stage.HASH, FaultCode.INTERNAL_ERROR, "defect")
    found = msgspec.structs.replace(ANALYSIS, faults=(CHANGED, fault)).of_prefix()
    assert found is not None
    assert found.faults == (fault,)


@pytest.mark.parametrize(
    "changes",
    [{"container": ContainerResult(ContainerKind.ZIP)}, {"outcome": msgspec.structs.replace(OUTCOME, prefix=None)}],
)
def test_a_container_that_grows_is_not_whole_yet(changes: dict[str, object]) -> None:
    assert msgspec.structs.replace(ANALYSIS, **changes).of_prefix() is None
