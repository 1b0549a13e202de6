"""The commands. Each module has an ``app`` of Typer, and is loaded when its command is used or listed."""

COMMAND_MODULES = {
    "scan": "hashaudit_cli.commands.scan",
    "verify": "hashaudit_cli.commands.verify",
    "merge": "hashaudit_cli.commands.merge",
    "hash": "hashaudit_cli.commands.hash_files",
    "compare": "hashaudit_cli.commands.compare",
    "doctor": "hashaudit_cli.commands.doctor",
    "explain": "hashaudit_cli.commands.explain",
    "lists": "hashaudit_cli.commands.lists",
    "keys": "hashaudit_cli.commands.keys",
    "cache": "hashaudit_cli.commands.cache",
}
"""Module by command, in the order of ``--help``."""
