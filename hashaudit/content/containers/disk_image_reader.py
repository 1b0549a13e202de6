"""The reader of disk images with a block map. The disk is the one member, from which partitions are read in turn."""

import hashlib
from collections.abc import Callable, Iterator

from hashaudit.content.containers.block_map import BlockMap
from hashaudit.content.containers.dmg_image import DmgImage
from hashaudit.content.containers.ewf_image import EwfImage
from hashaudit.content.containers.interface import (
    CHUNK_BYTES,
    ContainerError,
    Found,
    MemberContent,
    RandomReader,
    RandomSource,
    Trouble,
)
from hashaudit.content.containers.qcow_image import QcowImage
from hashaudit.content.containers.vhd_image import VhdImage
from hashaudit.content.containers.vhdx_image import VhdxImage
from hashaudit.content.containers.vmdk_image import VmdkImage
from hashaudit.model.containers import ContainerKind
from hashaudit.model.faults import FaultCode

WRONG_CHECKSUM = "the checksum of the member does not agree with its content"
SNAPSHOTS = "snapshots in the image are not read; members may be missing"


def _reader(open_image: Callable[[RandomSource], BlockMap | DmgImage]) -> RandomReader:
    def read(source: RandomSource) -> Iterator[Found]:
        disk = open_image(source)
        if isinstance(disk, QcowImage) and disk.has_snapshots:
            yield Trouble(FaultCode.UNSUPPORTED, SNAPSHOTS)
        if isinstance(disk, EwfImage) and disk.missing is not None:
            yield Trouble(FaultCode.INCOMPLETE, disk.missing)
        yield MemberContent(0, b"", _content(disk), disk.size, random=disk)

    return read


def _content(disk: RandomSource) -> Iterator[bytes]:
    stated = []
    if isinstance(disk, EwfImage):
        md5, sha1 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False)
        stated = [(new, digest) for new, digest in ((md5, disk.md5), (sha1, disk.sha1)) if digest is not None]
    at = 0
    while data := disk.read_at(at, CHUNK_BYTES):
        for digest, _ in stated:
            digest.update(data)
        yield data
        at += len(data)
    if any(digest.digest() != value for digest, value in stated):
        raise ContainerError(FaultCode.DAMAGED, WRONG_CHECKSUM, is_complete=True)


IMAGE_READERS: dict[ContainerKind, RandomReader] = {
    ContainerKind.EWF: _reader(EwfImage),
    ContainerKind.DMG: _reader(DmgImage),
    ContainerKind.QCOW: _reader(QcowImage),
    ContainerKind.VHD: _reader(VhdImage),
    ContainerKind.VHDX: _reader(VhdxImage),
    ContainerKind.VMDK: _reader(VmdkImage),
}
