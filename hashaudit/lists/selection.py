"""Selection of the entries of a list by category and by score."""

import math

import msgspec

from hashaudit.lists.interface import ListEntry

CATEGORY_LABELS = ("category", "classification")
SCORE_LABEL = "score"


class Selection(msgspec.Struct, frozen=True):
    """The entries to accept when a list is loaded; all others are counted as not selected."""

    categories: tuple[str, ...] = ()
    """Categories as written in lists, in any letter case; empty for all. An entry without a category is in none."""
    min_score: float | None = None
    """Minimum score; entries with a lower score are skipped. An entry without a score is accepted."""

    @property
    def selects_all(self) -> bool:
        """True if every entry is selected."""
        return not self.categories and self.min_score is None

    @property
    def selects_unlabelled(self) -> bool:
        """True if entries without labels are selected."""
        return not self.categories

    def selects(self, entry: ListEntry) -> bool:
        """Returns whether an entry is selected."""
        labels = entry.labels
        if self.categories:
            categories = {labels[name].casefold() for name in CATEGORY_LABELS if name in labels}
            if categories.isdisjoint(category.casefold() for category in self.categories):
                return False
        if self.min_score is not None and SCORE_LABEL in labels:
            try:
                score = float(labels[SCORE_LABEL])
            except ValueError:
                return True
            # A score that is no number says nothing about the entry.
            return math.isnan(score) or score >= self.min_score
        return True


EVERYTHING = Selection()
