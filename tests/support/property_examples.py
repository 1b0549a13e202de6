"""The number of examples of a property, which a long run multiplies."""

import os

EXAMPLES = int(os.environ.get("HASHAUDIT_EXAMPLES", "50"))
"""Examples of a property that says nothing else. A run of the suite finds other ones each time."""


def examples(number: int) -> int:
    """Returns how many examples to try of a property that has ``number`` in an ordinary run."""
    return number * EXAMPLES // 50
