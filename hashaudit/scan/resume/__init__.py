"""Resuming an interrupted scan: its journal, its state and what must be equal."""
