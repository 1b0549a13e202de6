"""A manifest in DFXML. Start-up: apart from the other forms, because the elements of exports take long to load."""

from hashaudit.exports.dfxml_document import END, FileObject, beginning, byte_run, closing, file_object, opening
from hashaudit.model.file_pieces import Piece
from hashaudit_cli.ui.hash_forms import HashedFile, HashForm


class Dfxml(HashForm):
    """DFXML. A name that XML cannot hold is escaped there, and exact in an element of our own."""

    def header(self) -> bytes:
        """The beginning of the document."""
        return beginning("Hash List")

    def lines(self, file: HashedFile) -> bytes:
        """One element."""
        return file_object(_object(file))

    def piece_lines(self, file: HashedFile, piece: Piece) -> bytes:
        """One byte run, behind the beginning of its file object if it is the first."""
        begin = b"" if piece.offset else opening(_object(file)) + b"<byte_runs>\n"
        return begin + byte_run(piece, file.digests)

    def after_pieces(self, file: HashedFile) -> bytes:
        """The rest of the file object."""
        return b"</byte_runs>" + closing(_object(file))

    def footer(self) -> bytes:
        """The end of the document."""
        return END


def _object(file: HashedFile) -> FileObject:
    perceptual = tuple((one.algorithm, one.value) for one in file.perceptual)
    return FileObject(file.path, size=file.size, digests=file.digests, perceptual=perceptual)
