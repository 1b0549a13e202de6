"""The record of truth of a run: its form, its signatures and its verification. See docs/findings-format.md."""
