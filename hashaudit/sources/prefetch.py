"""Requests pages ahead, so that the walk does not wait for a slow store."""

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

PageT = TypeVar("PageT")

PAGES_AHEAD = 4
"""Pages of up to 1,000 keys each: a second or two of a slow listing."""

PAGE_WAIT_S = 0.02
"""Longest wait for a page before the caller regains control, seconds."""


class _End:
    """The last message of the thread."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Prefetcher(Generic[PageT]):
    """Takes pages from an iterator in its own thread."""

    def __init__(self, pages: Iterator[PageT]) -> None:
        self._pages = pages
        self._ready: queue.Queue[PageT | _End] = queue.Queue(PAGES_AHEAD)
        self._stop = threading.Event()
        # A daemon thread, because a request that hangs must not keep the scan from ending.
        self._thread = threading.Thread(target=self._take, name="hashaudit-listing", daemon=True)

    def __iter__(self) -> Iterator[PageT | None]:
        """Yields each page, and ``None`` if none came within :data:`PAGE_WAIT_S`. Raises the iterator's errors."""
        self._thread.start()
        try:
            while True:
                try:
                    page = self._ready.get(timeout=PAGE_WAIT_S)
                except queue.Empty:
                    yield None
                    continue
                if isinstance(page, _End):
                    if page.error is not None:
                        raise page.error
                    return
                yield page
        finally:
            self._stop.set()

    def _take(self) -> None:
        error: BaseException | None = None
        try:
            for page in self._pages:
                self._put(page)
                if self._stop.is_set():
                    return
        except BaseException as caught:  # noqa: BLE001 # raised again where the pages are used
            error = caught
        self._put(_End(error))

    def _put(self, page: PageT | _End) -> None:
        while not self._stop.is_set():
            try:
                self._ready.put(page, timeout=1.0)
            except queue.Full:
                continue
            return
