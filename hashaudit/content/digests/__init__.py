"""Cryptographic digests: computes several of them in a single pass."""
