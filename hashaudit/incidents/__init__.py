"""Directories that hold what belongs to one incident: signed findings, report, drafts and a log. Never content."""
