"""Verification of findings files, and reading those of interrupted scans."""
