"""Object stores: how a bucket is named, listed and read, pinned to what was listed. See docs/architecture.md."""
