"""How a run makes way for what else the host does, said on standard error where it cannot."""

from hashaudit.host.priority import lower_priority
from hashaudit.scan.config import ScanConfig
from hashaudit_cli.ui.terminal import log


def apply_low_impact(config: ScanConfig, *, quiet: bool) -> None:
    """Lowers the priority of this process and of those that it will start, where the user asks for it."""
    if not config.low_impact:
        return
    in_force = lower_priority()
    for what in ("processor", "disk"):
        if what not in in_force and not quiet:
            log(f"--low-impact: this system does not lower the priority for the {what}")
