"""The texts of faults that a worker may report.

A compromised worker could otherwise write what it has read (a key below a root, list entries) into the message of a
fault, and so into a signed file that leaves the machine. The parent accepts only texts of a closed set, with numbers
and short names in fixed places. It replaces any other text by one of its own.
"""

import builtins
import errno
import functools
import os
import re
import sys

import msgspec

from hashaudit.model.faults import Fault

MAX_MESSAGE = 400
"""Longest text, in characters."""

_NUMBER = r"\d{1,20}(\.\d{1,6})?"
_ERROR_TYPES = "|".join(
    sorted(
        {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}
        | {
            "UnidentifiedImageError",
            "DecompressionBombError",
            "LinAlgError",
            "error",
        }
        | {"EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "SSLError"}
        | {"ProxyConnectionError", "ServiceRequestError", "ServiceResponseError", "ServiceResponseTimeoutError"}
        | {"IncompleteReadError", "IncompleteRead", "ProtocolError", "HTTPClientError", "ServiceRequestTimeoutError"}
        | {"ResponseStreamingError", "HttpResponseError", "IncompleteReadException", "NewConnectionError"}
    )
)
_SYSTEM_ERRORS = "|".join(sorted({re.escape(os.strerror(number)) for number in errno.errorcode} | {_ERROR_TYPES}))
_MODULES = "|".join(
    sorted(map(re.escape, sys.stdlib_module_names | {"PIL", "numpy", "hashaudit", "pillow_heif", "imagecodecs"}))
)
_MODULE = rf"({_MODULES})(\.[A-Za-z0-9_]{{1,30}}){{0,4}}"
_RUN = "(this|[0-9a-f-]{36})"
_FORMATS = r"[a-z0-9_]{1,12}(, frame \d{1,9})?"
_DECODING = "|".join(
    (
        f"{_NUMBER} bytes; at most {_NUMBER} are decoded",
        f"{_NUMBER} x {_NUMBER} pixels; at most {_NUMBER} are decoded",
        r"this coding of the format is not decoded(; install hashaudit\[images-more\])?",
        f"not decoded within {_NUMBER} s",
        r"no decoder for this format(; install hashaudit\[(heic|images-more)\])?",
        "raw photograph without a JPEG preview",
        "a side of the image has no pixels",
        r"colour mode [A-Za-z0-9;]{1,8} is not decoded",
    )
)
_TEXTS = "|".join(
    (
        rf"cannot (open|read) the file: ({_SYSTEM_ERRORS})",
        r"replaced by (another file|a symbolic link)|the directory of the file was replaced",
        r"(kept growing|size or times changed|size mismatch at the end of the file) while the file was read",
        r"path (no longer exists|now refers to a different file) while the file was read",
        r"overwritten (after it was listed(; the current state was examined)?|during every read)",
        r"the content does not have the [a-z0-9]{1,12} checksum that the store reports",
        rf"listed with {_NUMBER} bytes, sent with {_NUMBER}",
        r"the store's response ended early|the store sent another range of the object than requested",
        r"the store does not serve ranges of objects|no ETag from the store; reads are pinned to it",
        r"cannot request a name with '\.' or '\.\.' between slashes",
        r"the store refused the request: [A-Za-z0-9 .(),-]{0,60}",
        rf"the network or the store failed: ({_ERROR_TYPES})",
        rf"larger than the limit of {_NUMBER} bytes for decoding",
        rf"{_NUMBER} frames were not examined",
        r"more memory was needed than --max-memory allows",
        rf"internal error: ({_ERROR_TYPES}) in [a-z0-9_]{{1,30}}\.py:\d{{1,6}}; please report it",
        rf"internal error: ({_ERROR_TYPES}) in an unknown place; please report it",
        rf"internal error: the module '{_MODULE}' is imported inside the sandbox; please report it",
        rf"the cache had other hashes for this state of the file, from run {_RUN}; the new ones are used",
        rf"{_FORMATS}: ({_ERROR_TYPES}|{_DECODING})",
        r"the compressed data (ends early|is damaged)|the archive ends early",
        rf"unpacking needs more than {_NUMBER} bytes of memory",
        r"other data follows the end of the (compressed data|archive)",
        r"the archive has no central directory; it may be cut off",
        r"the central directory is (damaged|encrypted(; no password fits)?)",
        r"the (header|map) of (the member|a sparse file) is damaged",
        r"the member is encrypted(; no password fits(, or its data is damaged)?| in a way that is not supported)?",
        r"the authentication code of the member does not agree with its data",
        r"(a header of )?the archive is damaged; members may be missing|the content of the member is damaged",
        r"this form of the archive is not supported|the archive continues in another volume",
        r"a member is not read, and so those behind it are not",
        r"the image (is (damaged; members may be missing|encrypted)|ends early)|a block of the image is damaged",
        r"this form of the image is not supported|a part of the image is in another file",
        r"the volume \.[A-Za-z0-9]{1,8} is not beside the others|a volume of the set changed while it was read",
        r"snapshots in the image are not read; members may be missing",
        r"the table of partitions is damaged; some may be missing",
        r"the image ends before the (partition|file system) does",
        r"a partition (is encrypted|has a file system that is not read)",
        r"the file system is (damaged|not supported); members may be missing",
        r"the member is (encrypted|compressed) by the system(, and its digest is of the compressed form)?",
        r"the member is compressed for zisofs, and its digest is of the compressed form",
        rf"an extended header is longer than {_NUMBER} bytes",
        r"the data of the member overlaps that of another|the two headers of the member contradict one another",
        r"other data lies between or behind the members of the archive",
        r"the (checksum|size) of the member does not agree with its content",
        rf"compression method {_NUMBER} is not supported(; install hashaudit\[archives\])?",
        r"the compression method of the member is not supported",
        r"the member begins in another volume of a split archive",
        rf"limit on (depth|members|bytes|memory|seconds) inside one file reached: {_NUMBER}",
        (
            r"no reader for containers of the kind [a-z0-9-]{1,14}; "
            r"(this version has none|install hashaudit\[[a-z-]{1,12}\])"
        ),
        r"the worker process ended while it examined this member",
        r"an archive behind other data, inside a container or a large object, is not opened",
        rf"[a-z0-9_-]{{1,40}}, frame \d{{1,9}}: ({_ERROR_TYPES})",
        r"the encoded content (ends early|has characters that its encoding does not allow)",
        r"other data follows the end of the encoded content",
        r"the message ends before its last boundary|a multipart of the message does not have its boundary",
        rf"a header of the message is longer than {_NUMBER} bytes",
        r"parts are within one another too often in the message",
        r"fields of the header of the member contradict one another",
        r"the transfer encoding of the member is not supported",
        r"the member is within its signature, which is not opened",
        r"the member is a part of a content that several messages hold",
        r"the header of the document is damaged|a table of the document is damaged; members may be missing",
        r"the sectors of the member are damaged|a stream of the document ends early",
        r"the document is encrypted(; no password fits)?",
        r"objects of the document are damaged; members may be missing|a filter of the member is not supported",
        r"the document has no end mark; it may be cut off",
        r"the header of the database is damaged|a page of the database is damaged; members may be missing",
        r"the database ends early|the pages of the member are damaged",
        r"the member has pages that only the database beside its log holds",
    )
)
_DECODER = rf"({_FORMATS}: ({_ERROR_TYPES})): .*"
"""A decoder's own message, which may quote the file, follows the type of its error."""

_THEN = "; then "


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Compiled at the first fault, because that takes longer than a small scan."""
    return re.compile(_TEXTS), re.compile(_DECODER, re.DOTALL)


def worded(fault: Fault) -> Fault:
    """Returns a fault of a worker with a text of the closed set."""
    texts, of_decoder = _patterns()
    text = fault.message[:MAX_MESSAGE]
    if (found := of_decoder.fullmatch(text)) is not None:
        text = found[1]
    if not all(map(texts.fullmatch, text.split(_THEN))):
        text = f"{fault.code.replace('_', ' ')}; the worker's own text is not recorded"
    return fault if text == fault.message else msgspec.structs.replace(fault, message=text)
