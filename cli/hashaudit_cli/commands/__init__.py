"""The commands. The module of a command is loaded when it is used or listed."""

COMMAND_MODULES = {
    "scan": "hashaudit_cli.commands.scan",
    "verify": "hashaudit_cli.commands.verify",
    "show": "hashaudit_cli.commands.show",
    "report": "hashaudit_cli.commands.report",
    "incident": "hashaudit_cli.commands.incident",
    "history": "hashaudit_cli.commands.history",
    "export": "hashaudit_cli.commands.export_findings",
    "merge": "hashaudit_cli.commands.merge",
    "hash": "hashaudit_cli.commands.hash_files",
    "audit": "hashaudit_cli.commands.audit",
    "diff": "hashaudit_cli.commands.manifest_diff",
    "hashdeep": "hashaudit_cli.commands.deep_commands",
    "md5deep": "hashaudit_cli.commands.deep_commands",
    "sha1deep": "hashaudit_cli.commands.deep_commands",
    "sha256deep": "hashaudit_cli.commands.deep_commands",
    "compare": "hashaudit_cli.commands.compare",
    "ls": "hashaudit_cli.commands.list_members",
    "extract-check": "hashaudit_cli.commands.extract_check",
    "doctor": "hashaudit_cli.commands.doctor",
    "run": "hashaudit_cli.commands.run_job",
    "job": "hashaudit_cli.commands.run_job",
    "explain": "hashaudit_cli.commands.explain",
    "lists": "hashaudit_cli.commands.lists",
    "keys": "hashaudit_cli.commands.keys",
    "cache": "hashaudit_cli.commands.cache",
    "completion": "hashaudit_cli.commands.completion",
}
"""Module by command, in the order of ``--help``."""

GROUP_HELP = {
    "lists": (
        "Compile, inspect, check, merge, compare and export hash lists. No command shows an entry unless asked to."
    ),
    "job": "Check job files, and make units of systemd or lines of crontab for them.",
    "incident": "Keep what belongs to an incident together: findings, report, drafts, and a signed log.",
    "keys": "Create, show, check and trust the keys that sign findings.",
    "cache": "Inspect and prune the cache that `scan --cache` keeps. No command shows a path or a hash.",
}
"""Help of the commands that are groups of commands."""
