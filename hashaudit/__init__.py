"""Bulk hash auditing: walk storage, match known hashes, write signed findings.

The library never prints, exits or configures logging; ``hashaudit_cli`` does.
"""

__version__ = "0.1.0"
