"""Cryptographic digests, computed together in one pass."""
