"""Object stores: names, lists and reads buckets. Reads are pinned to the listed state. See docs/architecture.md."""
