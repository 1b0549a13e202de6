"""Checks of this host and of a planned scan."""
