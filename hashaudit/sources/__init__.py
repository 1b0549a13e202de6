"""The sources of entries: local trees, object stores, and combinations of them."""
