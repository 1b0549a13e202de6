"""How a run makes way for what else the host does, said on standard error where it cannot."""

from hashaudit.host.priority import give_way
from hashaudit.scan.config import AuditConfig
from hashaudit_cli.ui.terminal import say


def be_kind(config: AuditConfig, *, quiet: bool) -> None:
    """Lowers the priority of this process and of those that it will start, where the user asks for it."""
    if not config.nice:
        return
    in_force = give_way()
    for what in ("processor", "disk"):
        if what not in in_force and not quiet:
            say(f"--nice: this system does not lower the priority for the {what}")
