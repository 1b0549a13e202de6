"""Applies one algorithm to one view of a frame."""

from collections.abc import Iterator

import msgspec
from PIL import Image

from hashaudit.content.images.decode import Frame
from hashaudit.content.perceptual.interface import PerceptualAlgorithm
from hashaudit.content.perceptual.orientation import Orientation
from hashaudit.model.faults import Fault, FaultCode, Stage
from hashaudit.model.results import PerceptualHash


class Seen(msgspec.Struct, frozen=True):
    """How an image came about that is hashed."""

    frame: Frame
    view: str
    trimmed: bool = False

    def hashed(
        self, algorithm: PerceptualAlgorithm, orientation: Orientation, value: bytes, quality: int | None
    ) -> PerceptualHash:
        """Returns a hash of the image."""
        return PerceptualHash(
            algorithm.name,
            value.hex(),
            quality,
            self.frame.number,
            orientation.value,
            self.trimmed,
            self.frame.truncated,
            self.view,
        )


def apply_algorithm(
    algorithm: PerceptualAlgorithm, image: Image.Image, orientations: tuple[Orientation, ...], seen: Seen
) -> Iterator[PerceptualHash | Fault]:
    """Yields the hashes of an image, without those that images without content have; a fault if it raises."""
    try:
        found = algorithm.hasher.hashes(image, orientations)
    except Exception as error:  # noqa: BLE001 # a plug-in may raise anything; the other hashes of the file still count
        code = FaultCode.OUT_OF_MEMORY if isinstance(error, MemoryError) else FaultCode.INTERNAL_ERROR
        yield Fault(Stage.HASH, code, f"{algorithm.name}, frame {seen.frame.number}: {type(error).__name__}")
        return
    for hashed in found:
        if not algorithm.is_constant(hashed.value):
            yield seen.hashed(algorithm, hashed.orientation, hashed.value, hashed.quality)
