"""Reads findings files for people and for other programs: what to show, and what it adds up to."""
