"""The hashaudit command. All that people see is made here; all that is examined is examined in ``hashaudit``."""
