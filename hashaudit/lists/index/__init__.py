"""The compiled form of hash lists: see docs/index-format.md."""
