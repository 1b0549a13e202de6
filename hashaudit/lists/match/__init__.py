"""Matching of an entry's hashes against the lists: exact, near and known."""
