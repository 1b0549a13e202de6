"""Hash lists: recognition, reading, compiled indexes and matching."""
