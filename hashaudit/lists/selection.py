"""Which entries of a list the user wants: by category, and by the score that a list gives them."""

import msgspec

from hashaudit.lists.interface import ListEntry

CATEGORY_LABELS = ("category", "classification")
SCORE_LABEL = "score"


class Selection(msgspec.Struct, frozen=True):
    """What is kept when a list is loaded. What is not is counted."""

    categories: tuple[str, ...] = ()
    """As lists give them, in any case of letters; empty: all. An entry without a category is in none."""
    min_score: float | None = None
    """Entries whose score is lower are left out. An entry without a score does not say that it is below, and stays."""

    @property
    def takes_all(self) -> bool:
        """Nothing is left out."""
        return not self.categories and self.min_score is None

    @property
    def takes_unlabelled(self) -> bool:
        """Entries that say nothing but their digest are kept."""
        return not self.categories

    def takes(self, entry: ListEntry) -> bool:
        """Tells if an entry is kept."""
        labels = entry.labels
        if self.categories:
            given = {labels[name].casefold() for name in CATEGORY_LABELS if name in labels}
            if given.isdisjoint(category.casefold() for category in self.categories):
                return False
        if self.min_score is not None and SCORE_LABEL in labels:
            try:
                return float(labels[SCORE_LABEL]) >= self.min_score
            except ValueError:
                return True
        return True


EVERYTHING = Selection()
