"""Signal types of ThreatExchange and related tools, and the file hash that each one is.

Source: the signal types in facebook/ThreatExchange, ``python-threatexchange`` and ``hasher-matcher-actioner``.
"""

_ALGORITHMS = {
    "md5": "md5",
    "video_md5": "md5",
    "photo_md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "video_sha256": "sha256",
    "pdq": "pdq",
    "photodna": "photodna",
    "tmk": "tmk-pdqf",
    "video_tmk": "tmk-pdqf",
    "tlsh": "tlsh",
}


def signal_algorithm(name: str) -> str | None:
    """Returns the hash that a signal type is, matched or not.

    ``None`` if it is not a hash of a file, such as that of a URL.
    """
    return _ALGORITHMS.get(name.strip().lower().removeprefix("hash_"))
