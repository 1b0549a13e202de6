"""The display: streams, progress, tables and signals."""
