import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.workers import message_size
from hashaudit.workers.message_size import check_objects

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner, max_size=20),
    max_leaves=60,
)


def count(value: object) -> int:
    """Values in a value, itself and keys included."""
    if isinstance(value, list):
        return 1 + sum(map(count, value))
    if isinstance(value, dict):
        return 1 + sum(1 + count(item) for item in value.values())
    return 1


@given(VALUES)
def test_every_value_counts_once(value: object) -> None:
    data = msgspec.msgpack.encode(value)
    assert not message_size._exceeds(data, count(value))
    assert message_size._exceeds(data, count(value) - 1)


@given(st.binary(max_size=100))
def test_any_bytes_are_counted_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        message_size._exceeds(data, 50)


def test_only_long_messages_are_counted() -> None:
    check_objects(memoryview(msgspec.msgpack.encode([0] * 1000)))
    check_objects(memoryview(msgspec.msgpack.encode("x" * (2 << 20))))
    with pytest.raises(ValueError, match="too many"):
        check_objects(memoryview(msgspec.msgpack.encode([0] * (2 << 20))))
