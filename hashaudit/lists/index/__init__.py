"""The compiled form of hash lists: see docs/reference/index-format.md."""
