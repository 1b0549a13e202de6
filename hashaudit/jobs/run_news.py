"""The news of a run: what it found that the last complete run of the same job did not."""

import msgspec

from hashaudit.jobs.outputs import PastRun, found_files


class RunNews(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of a run beside those of the run before. Accepted ones are on neither side."""

    previous_run: str
    since: str
    """Start of the run before."""
    new: int
    gone: int

    @property
    def text(self) -> str:
        """One line about them."""
        return f"{self.new:,} new and {self.gone:,} gone since the run of {self.since}"


def news_since(previous: PastRun, path: str) -> RunNews:
    """Returns the news of a run.

    Args:
        previous: the run before.
        path: the findings file of the run.

    Raises:
        FindingsError: the file cannot be read.
    """
    now = found_files(path)
    return RunNews(
        previous_run=previous.run_id,
        since=previous.start,
        new=len(now - previous.found),
        gone=len(previous.found - now),
    )
