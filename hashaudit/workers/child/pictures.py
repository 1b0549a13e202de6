"""Perceptual hashing in the worker: buffers an image as it is read, decodes it once, hashes and matches it.

Loaded only if perceptual hashes are requested, because decoders and numpy take a tenth of a second to import.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from PIL import Image

from hashaudit.cache.fingerprints import Fingerprints
from hashaudit.cache.values import Values, pack_picture
from hashaudit.content.images.formats import HEAD_BYTES, sniff
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.images.pillow import load_decoders
from hashaudit.content.images.warm_up import warm_up
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.interface import Needs, PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import ORIENTATIONS, Orientation
from hashaudit.content.perceptual.perceptual_registry import algorithm_named
from hashaudit.content.perceptual.plugin import load_hasher
from hashaudit.errors import HashauditError, UsageError
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.match.near_match import NearMatcher
from hashaudit.lists.plugin_hashes import plug_in
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import AlgorithmName, Caveat, ImageHashes, Match, NoHash, PerceptualHash
from hashaudit.workers.child.internal_errors import internal_error
from hashaudit.workers.protocol import PerceptualConfig

REMEMBERED = 4096
"""Number of images whose result is remembered, so that identical content is decoded once; a few hundred bytes each."""


class PictureResult(msgspec.Struct, frozen=True):
    """The result for one image."""

    hashes: tuple[PerceptualHash, ...] = ()
    """Hashes of the unchanged image, and those that match."""
    matches: tuple[Match, ...] = ()
    confirmations: tuple[Caveat, ...] = ()
    faults: tuple[Fault, ...] = ()
    no_hash: NoHash | None = None
    frames_skipped: int = 0
    values: Values = {}
    """For the cache."""


NOTHING = PictureResult()


class ContentBuffer:
    """Buffers the bytes of a file that begins like an image."""

    __slots__ = ("_chunks", "_limit", "_size", "_started", "starved")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._chunks: list[bytes] | None = None
        self._started = False
        self._size = 0
        self.starved: MemoryError | None = None
        """Reason for not buffering. The file is still read for its digests."""

    def take(self, data: bytes | bytearray | memoryview) -> None:
        """Adds the next bytes of the file."""
        if not self._started:
            self._started = True
            # A file without a signature is recognised by its size, if it is read at once.
            if sniff(bytes(data[:HEAD_BYTES]), len(data)) is not None:
                self._chunks = []
        if self._chunks is not None:
            self._size += len(data)
            if self._size <= self._limit and self.starved is None:
                self._keep(self._chunks, data)
            else:
                self._chunks.clear()

    def _keep(self, chunks: list[bytes], data: bytes | bytearray | memoryview) -> None:
        try:
            chunks.append(bytes(data))
        except MemoryError as error:
            chunks.clear()
            self.starved = error

    @property
    def is_picture(self) -> bool:
        """True if the file begins like an image."""
        return self._chunks is not None

    @property
    def is_whole(self) -> bool:
        """True if the buffer has the whole file."""
        return self._size <= self._limit

    def content(self) -> bytes:
        """Returns the content of the file."""
        return b"".join(self._chunks or ())


def load_algorithms(config: PerceptualConfig) -> tuple[PerceptualAlgorithm, ...]:
    """Loads the algorithms, plug-ins last, and makes lists of plug-in hashes usable.

    Raises:
        UsageError: an algorithm or plug-in does not exist.
    """
    plugged = tuple(map(load_hasher, config.hashers))
    for row in plugged:
        plug_in(row.name, row.length_bytes)
    own = {row.name for row in plugged}
    named = tuple(_named(name) for name in config.algorithms if name not in own)
    _load_all(named)
    return (*named, *plugged)


class Pictures:
    """Hashes and matches images."""

    @staticmethod
    def may_be_picture(content: bytes | memoryview) -> bool:
        """Returns whether the whole content of a file begins like an image."""
        return sniff(bytes(content[:HEAD_BYTES]), len(content)) is not None

    def __init__(
        self,
        config: PerceptualConfig,
        algorithms: tuple[PerceptualAlgorithm, ...],
        indexes: Sequence[ListIndex],
        recipes: Fingerprints | None = None,
    ) -> None:
        self._algorithms = algorithms
        self._recipes = recipes
        limits = DecodeLimits(max_frames=config.max_frames, timeout_s=config.decode_timeout_s)
        self._options = HashOptions(variants=Variants(config.variants), limits=limits)
        self._matcher = NearMatcher(indexes, config.max_distances, config.min_quality, algorithms)
        self._remembered: OrderedDict[bytes, PictureResult] = OrderedDict()

    def capture(self) -> ContentBuffer:
        """Creates a buffer for one file."""
        return ContentBuffer(self._options.limits.max_bytes)

    def examine(self, capture: ContentBuffer, sha256: bytes | None) -> PictureResult:
        """Returns the result for a buffered file. Computes its SHA-256 unless given."""
        if not capture.is_picture:
            return NOTHING
        if not capture.is_whole:
            message = f"larger than the limit of {self._options.limits.max_bytes} bytes for decoding"
            return self._seen(ImageHashes(faults=(Fault(Stage.DECODE, FaultCode.TOO_MANY_BYTES, message),)))
        if capture.starved is not None:
            return PictureResult(faults=(internal_error(Stage.DECODE, capture.starved),))
        try:
            return self._examine_once(capture.content(), sha256)
        except HashauditError:
            raise
        except Exception as error:  # noqa: BLE001 # an internal error on one file must not affect its digests or other files
            return PictureResult(faults=(internal_error(Stage.DECODE, error),))

    def _examine_once(self, content: bytes, sha256: bytes | None) -> PictureResult:
        key = sha256 or hashlib.sha256(content).digest()
        seen = self._remembered.get(key)
        if seen is None:
            seen = self._remembered[key] = self._examine(content)
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return seen

    def recall(self, found: ImageHashes) -> PictureResult:
        """Returns the result for an image whose hashes and faults are cached."""
        try:
            return self._matched(found)
        except HashauditError:
            raise
        except Exception as error:  # noqa: BLE001 # as in examine
            return PictureResult(faults=(internal_error(Stage.MATCH, error),))

    def _examine(self, content: bytes) -> PictureResult:
        return self._seen(hash_image(content, self._algorithms, self._options))

    def _seen(self, found: ImageHashes) -> PictureResult:
        seen = self._matched(found)
        if self._recipes is None or not self._recipes.decoder:
            return seen
        values = pack_picture(found, self._recipes.perceptual, self._recipes.decoder)
        return msgspec.structs.replace(seen, values=values)

    def _matched(self, found: ImageHashes) -> PictureResult:
        matches, confirmations = self._matcher.match(found.hashes)
        shown = tuple(
            item for item in found.hashes if item.variant == Orientation.ORIGINAL and not item.trimmed and not item.view
        )
        faults = found.faults
        if found.frames_skipped and self._matcher.has_lists:
            # Any of the frames that were not examined may be listed.
            message = f"{found.frames_skipped} frames were not examined"
            faults = (*faults, Fault(Stage.DECODE, FaultCode.TOO_MANY_FRAMES, message))
        return PictureResult(shown, matches, confirmations, faults, found.no_hash, found.frames_skipped)


def _load_all(algorithms: tuple[PerceptualAlgorithm, ...]) -> None:
    """Triggers the imports that decoders and hashes make at first use, because the sandbox allows none later."""
    load_decoders()
    warm_up()
    picture = Image.linear_gradient("L")
    for algorithm in algorithms:
        algorithm.hasher.hashes(picture.convert("RGB") if algorithm.needs is Needs.COLOUR else picture, ORIENTATIONS)


def _named(name: AlgorithmName) -> PerceptualAlgorithm:
    algorithm = algorithm_named(name)
    if algorithm is None:
        raise UsageError(f"unknown perceptual hash: '{name}'")
    return algorithm
