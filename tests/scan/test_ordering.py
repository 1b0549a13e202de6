from hypothesis import given
from hypothesis import strategies as st

from hashaudit.scan.ordering import Count, OrderedBatch, Ordering


def test_a_record_waits_for_the_span_before_it() -> None:
    ordering: Ordering[str, None] = Ordering()
    span = ordering.open_span(ordering.number(), None)
    ordering.put(ordering.number(), "second")
    assert ordering.ready() == []
    span.open -= 1
    assert ordering.ready() == ["second"]
    assert ordering.waiting == 0


def test_a_record_inside_an_open_span_waits() -> None:
    ordering: Ordering[str, None] = Ordering()
    first, second = ordering.number(), ordering.number()
    span = ordering.open_span(first, None)
    span.open += 1
    span.open -= 1
    ordering.put(second, "of the span")
    assert ordering.ready() == []


def test_finished_spans_behind_an_open_one_hold_no_records_of_clean_entries() -> None:
    ordering: Ordering[str, None] = Ordering()
    stalled = ordering.open_span(ordering.number(), None)
    for _ in range(1000):
        ordering.open_span(ordering.number(), None).open -= 1
    assert ordering.ready() == []
    assert ordering.waiting == 0
    stalled.open -= 1
    ordering.ready()
    assert ordering.spans == 0


def test_rest_gives_all_in_order() -> None:
    ordering: Ordering[str, None] = Ordering()
    ordering.open_span(ordering.number(), None)
    later, last = ordering.number(), ordering.number()
    ordering.put(last, "last")
    ordering.put(later, "later")
    assert ordering.rest() == ["later", "last"]
    assert ordering.waiting == 0


@given(st.data())
def test_any_order_of_answers_gives_the_order_of_the_walk(data: st.DataObject) -> None:
    """Spans of any size, finished in any order, with records for any of their entries."""
    ordering: Ordering[int, None] = Ordering()
    sizes = data.draw(st.lists(st.integers(1, 5), max_size=12))
    spans: list[tuple[OrderedBatch[None], list[int]]] = []
    for size in sizes:
        numbers = [ordering.number() for _ in range(size)]
        span = ordering.open_span(numbers[0], None)
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


def test_a_resume_point_counts_only_entries_before_it() -> None:
    ordering: Ordering[str, str] = Ordering()
    first = ordering.open_span(ordering.number(), "at 0")
    inner = ordering.open_span(ordering.number(), "at 1")
    first.join(ordering.number())
    behind = ordering.open_span(ordering.number(), "at 3")
    first.open = 0
    first.count.add(Count(clean=2))
    behind.open = 0
    behind.count.add(Count(clean=1))
    ordering.ready()
    assert ordering.resume_point() is None  # the first span reaches over the one inside it, which is open
    inner.open = 0
    inner.count.add(Count(known=1, bytes_read=7))
    behind.open = 1
    ordering.ready()
    resume_point = ordering.resume_point()
    assert resume_point is not None
    assert (resume_point.first, resume_point.before, resume_point.count) == (3, "at 3", Count(2, 1, 7))


def test_a_resume_point_continues_earlier_counts() -> None:
    ordering: Ordering[str, str] = Ordering(Count(clean=5))
    ordering.count(ordering.number(), Count(clean=1))
    ordering.open_span(ordering.number(), "at 1")
    ordering.count(ordering.number(), Count(clean=1))  # belongs to what is not done yet
    resume_point = ordering.resume_point()
    assert resume_point is not None
    assert resume_point.count == Count(clean=6)


@given(st.data())
def test_a_resume_point_is_always_exact(data: st.DataObject) -> None:
    """Spans that overlap and entries without one, ended in any order: what a cut counts is what lies before it."""
    ordering: Ordering[str, None] = Ordering()
    owners: list[OrderedBatch[None] | None] = []
    for _ in range(data.draw(st.integers(0, 12))):
        number = ordering.number()
        opened = [span for span in dict.fromkeys(owners) if span is not None]
        choice = data.draw(st.sampled_from([*opened[-1:], "new", "none"]))
        if choice == "new":
            owners.append(ordering.open_span(number, None))
        elif choice == "none":
            ordering.count(number, Count(clean=1))
            owners.append(None)
        elif isinstance(choice, OrderedBatch):
            choice.join(number)
            owners.append(choice)
    open_ones = [number for number, span in enumerate(owners) if span is not None]
    for number in data.draw(st.permutations(open_ones)):
        span = owners[number]
        assert span is not None
        span.open -= 1
        span.count.add(Count(clean=1))
        ordering.ready()
        resume_point = ordering.resume_point()
        assert resume_point is None or resume_point.count.clean == resume_point.first
