"""Everything that reads hostile bytes: reading, digests, image decoding and perceptual hashes.

It runs in sandboxed worker processes and never sees a signing key (docs/concepts/security-model.md).
"""
