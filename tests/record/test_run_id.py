"""Run ids."""

import uuid

from hashaudit.record.run_id import new_run_id


def test_a_run_id_is_a_uuid_of_version_7_that_holds_the_time() -> None:
    # The instant of RFC 9562's own example (appendix A.6): 2022-02-22T19:22:22Z is 017f22e2-79b0.
    made = new_run_id(1_645_557_742_000 * 1_000_000)
    assert made.startswith("017f22e2-79b0-7")
    assert uuid.UUID(made).version == 7
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_run_ids_differ_and_sort_by_time() -> None:
    same_instant = {new_run_id(0) for _ in range(100)}
    assert len(same_instant) == 100
    assert max(same_instant) < new_run_id(1_000_000)
