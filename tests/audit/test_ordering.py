from hypothesis import given
from hypothesis import strategies as st

from hashaudit.audit.ordering import Ordering, Span


def test_a_record_waits_for_the_span_before_it() -> None:
    ordering: Ordering[str] = Ordering()
    span = ordering.open_span(ordering.number())
    ordering.put(ordering.number(), "second")
    assert ordering.ready() == []
    span.open -= 1
    assert ordering.ready() == ["second"]
    assert ordering.waiting == 0


def test_a_record_inside_an_open_span_waits() -> None:
    ordering: Ordering[str] = Ordering()
    first, second = ordering.number(), ordering.number()
    span = ordering.open_span(first)
    span.open += 1
    span.open -= 1
    ordering.put(second, "of the span")
    assert ordering.ready() == []


def test_finished_spans_behind_an_open_one_hold_no_records_of_clean_entries() -> None:
    ordering: Ordering[str] = Ordering()
    stalled = ordering.open_span(ordering.number())
    for _ in range(1000):
        ordering.open_span(ordering.number()).open -= 1
    assert ordering.ready() == []
    assert ordering.waiting == 0
    stalled.open -= 1
    ordering.ready()
    assert ordering.spans == 0


def test_rest_gives_all_in_order() -> None:
    ordering: Ordering[str] = Ordering()
    ordering.open_span(ordering.number())
    later, last = ordering.number(), ordering.number()
    ordering.put(last, "last")
    ordering.put(later, "later")
    assert ordering.rest() == ["later", "last"]
    assert ordering.waiting == 0


@given(st.data())
def test_any_order_of_answers_gives_the_order_of_the_walk(data: st.DataObject) -> None:
    """Spans of any size, finished in any order, with records for any of their entries."""
    ordering: Ordering[int] = Ordering()
    sizes = data.draw(st.lists(st.integers(1, 5), max_size=12))
    spans: list[tuple[Span, list[int]]] = []
    for size in sizes:
        numbers = [ordering.number() for _ in range(size)]
        span = ordering.open_span(numbers[0])
        span.open = size
        spans.append((span, numbers))
    told: list[int] = []
    expected: list[int] = []
    for index in data.draw(st.permutations(range(len(spans)))):
        span, numbers = spans[index]
        for number in data.draw(st.permutations(numbers)):
            if data.draw(st.booleans()):
                ordering.put(number, number)
                expected.append(number)
            span.open -= 1
        told += ordering.ready()
        still_open = [other.first for other, _ in spans if other.open]
        assert all(number < min(still_open, default=10**9) for number in told)
    assert told == sorted(expected)
