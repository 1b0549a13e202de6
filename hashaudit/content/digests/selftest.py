"""Known-answer test of the digests, run before anything is examined.

With a broken digest library no file would match, so each algorithm of a scan must first compute the published digest of
``abc``.

Source: FIPS 180-4 and FIPS 202 example values; RFC 1321 A.5 (MD5); RFC 7693 appendices A and B; the BLAKE3 reference.
"""

from collections.abc import Sequence

from hashaudit.content.digests.multidigest import MultiDigest
from hashaudit.errors import SelfTestError
from hashaudit.model.results import AlgorithmName

ABC_DIGESTS: dict[str, str] = {
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
    "sha224": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    "sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    "sha3-256": "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    "sha3-384": "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
    "sha3-512": "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
    "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    "blake2b": "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
    "blake2s": "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
    "blake3": "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
}
"""Published digests of the three bytes ``abc``, by algorithm."""


def self_test(algorithms: Sequence[AlgorithmName]) -> None:
    """Checks digests against their published values, with the input in two chunks, as from a file.

    Raises:
        SelfTestError: an algorithm computes a wrong value.
    """
    running = MultiDigest(algorithms)
    running.update(memoryview(b"a"))
    running.update(memoryview(b"bc"))
    for name, value in running.digests().items():
        if value.hex() != ABC_DIGESTS[name]:
            raise SelfTestError(
                f"self-test failed: '{name}'; wrong digest of a published test vector; nothing was examined",
                hint="check the installed OpenSSL and hashaudit's packages",
            )
