"""Containers: which files are one, and the readers of their members."""
