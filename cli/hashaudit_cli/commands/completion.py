"""``hashaudit completion``: the script that completes command lines in a shell."""

from enum import StrEnum
from typing import Annotated

import msgspec

from hashaudit.exit_codes import ExitCode
from hashaudit.scan.option import Option, options_of
from hashaudit_cli.command import command
from hashaudit_cli.settings import Settings


class Shell(StrEnum):
    """The shells with a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class CompletionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    shell: Annotated[Shell, Option("shell", "Shell: bash, zsh or fish.", argument=True, metavar="SHELL")]


@command(
    "completion",
    options_of(CompletionOptions),
    examples=(
        "hashaudit completion bash > ~/.local/share/bash-completion/completions/hashaudit",
        "hashaudit completion zsh > ~/.zfunc/_hashaudit",
        "hashaudit completion fish > ~/.config/fish/completions/hashaudit.fish",
    ),
)
def completion(settings: Settings) -> int:
    """Print the script that completes commands, options and values in a shell.

    The script does not start hashaudit, so make it again after an update. bash also takes it with `source`. For zsh,
    the directory must be in *fpath* before `compinit` runs.
    """
    from hashaudit_cli.completion.bash_script import bash_script
    from hashaudit_cli.completion.fish_script import fish_script
    from hashaudit_cli.completion.zsh_script import zsh_script

    scripts = {Shell.BASH: bash_script, Shell.ZSH: zsh_script, Shell.FISH: fish_script}
    print(scripts[settings.make(CompletionOptions).shell](), end="")
    return ExitCode.COMPLETE
