"""The steps that a worker takes with every content: its algorithms, the decoding of images, and the matching."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from hashaudit.lists.match.exact_match import Outcome
from hashaudit.model.results import AlgorithmName

if TYPE_CHECKING:
    from hashaudit.workers.child.pictures import PictureResult, Pictures

Digests = dict[AlgorithmName, bytes]


class Matcher(Protocol):
    """Matches hashes against the lists."""

    def __call__(self, digests: Digests, size_bytes: int, seen: "PictureResult | None") -> Outcome:
        """Returns the matches, and the reasons to confirm them."""
        ...


class Hashing(msgspec.Struct, frozen=True):
    """The steps that a worker takes with every content."""

    algorithms: tuple[AlgorithmName, ...]
    pictures: "Pictures | None"
    """``None``: images are not decoded."""
    match: Matcher
    check: Callable[..., None]
    """Ends the worker if a decoder has left too few resources."""
    report_all: bool
    quick_digests: Callable[[bytes, bytes], Digests | None] = lambda *_: None
    """Returns the digests of a whole content; ``None``: it may be an image or a container."""
    quick_match: Callable[[Digests, int], bool | None] = lambda *_: None
    """Returns whether digests are only on known lists; ``None``: they may be on another."""
