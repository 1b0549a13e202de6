"""Manifests in DFXML: hashdeep -d, fiwalk, md5deep, and this program's own.

Source: the DFXML schema (dfxml_schema 1.2.0), elements fileobject, filename, filesize and hashdigest.
"""

from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from hashaudit.lists.manifests.manifest_entry import ManifestEntry
from hashaudit.lists.manifests.manifest_fields import digests_of, malformed
from hashaudit.lists.syntax.xml_values import element_text, local_name, records, root_name
from hashaudit.model.results import AlgorithmName

OWN_NAMESPACE = "https://hashaudit.example/dfxml/1"

EXACT_NAME = "path_uri"
"""Own element of this program: the exact bytes of a name that is not text, percent-encoded."""

_ALGORITHM = f"{{{OWN_NAMESPACE}}}algorithm"
"""Own attribute of this program: the algorithm of a digest that the schema does not name."""


class DfxmlManifest:
    """Reader of DFXML."""

    name = "dfxml"

    def recognises(self, head: bytes) -> bool:
        """Returns whether the outermost element is ``dfxml``."""
        return root_name(head) == "dfxml"

    def parse(self, stream: BinaryIO, algorithm: AlgorithmName | None) -> Iterator[ManifestEntry]:  # noqa: ARG002 - the elements name the algorithms
        """Yields an entry for each regular file.

        Raises:
            ListError: the text is damaged; see :meth:`ManifestFormat.parse`.
        """
        for number, element in records(stream, "dfxml", frozenset({"fileobject"})):
            texts: dict[str, str] = {}
            pairs = []
            # A byte run has the digests of a piece.
            runs = [child for child in element.iter() if local_name(child) == "byte_run"]
            pieces = {id(digest) for run in runs for digest in run.iter() if local_name(digest) == "hashdigest"}
            for child in element.iter():
                if id(child) in pieces:
                    continue
                if local_name(child) == "hashdigest":
                    pairs.append((child.get(_ALGORITHM, child.get("type", "")), element_text(child)))
                elif child is not element:
                    texts.setdefault(local_name(child), child.text or "")
            if texts.get("name_type", "r") not in {"r", "-"} or texts.get("alloc") == "0":
                continue
            if not texts.get("filename"):
                raise malformed(number, "a file object without a name")
            if pieces and not pairs:
                raise malformed(number, "hashes of pieces of a file, not of the file")
            exact = texts.get(EXACT_NAME)
            path = texts["filename"].encode("utf-8", "surrogateescape") if exact is None else unquote_to_bytes(exact)
            size = texts.get("filesize", "").strip()
            yield ManifestEntry(path, digests_of(number, pairs), int(size) if size.isdecimal() else None)
