"""Resolves the options of a command: command line, then environment, then configuration file, then default."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from hashaudit.errors import UsageError
from hashaudit.scan.option import REQUIRED, DeclaredOption, Origin, options_of
from hashaudit_cli.config_file import CONFIG_FIELD, Commands, ConfigFile, open_config_file
from hashaudit_cli.piped_inputs import PipedInputs
from hashaudit_cli.ui.terminal import warn

VARIABLE_PREFIX = "HASHAUDIT_"

MIN_SIMILARITY = 0.85
"""Similarity from which an unknown variable causes a warning. HASHAUDIT_SCHEDULER_PORT, which Kubernetes sets for a
service named hashaudit-scheduler, has 0.78."""

STANDARD_OUTPUT_NAME = "-"

Table = TypeVar("Table", bound=msgspec.Struct)


class Setting(msgspec.Struct, frozen=True):
    """The value of an option, and the place that it comes from."""

    option: DeclaredOption
    value: Any
    origin: Origin = Origin.DEFAULT
    label: str = ""
    """The option as the user wrote it: ``--jobs``, ``HASHAUDIT_JOBS``, or the key with its file and line."""


class Settings:
    """The options of one call of a command."""

    def __init__(
        self,
        command: str,
        options: Sequence[DeclaredOption],
        given: Mapping[str, Any],
        commands: Commands,
        inputs: PipedInputs | None = None,
    ) -> None:
        """Resolves every option.

        Args:
            command: the words of the command, such as ``lists build``.
            options: its options.
            given: values of the command line by field. An option that was not given is ``None``, or absent.
            commands: the options of all commands.
            inputs: reads what comes through pipes; ``None``: nothing may.

        Raises:
            UsageError: a value is invalid or missing, or the configuration file cannot be used.
        """
        self._given = given
        self._inputs = inputs
        by_field = {one.field: one for one in options}
        self.config_file: ConfigFile | None = None
        if CONFIG_FIELD in by_field:
            self.config_file = open_config_file(self._resolve(command, by_field[CONFIG_FIELD]).value)
        if self.config_file is not None:
            self.config_file.check(command, options, commands)
        self._settings = {one.field: self._resolve(command, one) for one in options}
        _warn_of_variables(options, commands)

    def make(self, table: type[Table], **fixed: Any) -> Table:
        """Returns an options class with the values of its fields.

        Args:
            table: the class.
            fixed: values of fields that are not options of this command, or that it decides itself.
        """
        names = [one.field for one in options_of(table) if one.field in self._settings]
        return table(**({name: self._settings[name].value for name in names} | fixed))

    def origins(self, table: type[msgspec.Struct]) -> dict[str, Origin]:
        """Returns where the values of a class come from, by header name. Arguments and defaults are omitted."""
        return {
            one.header: self._settings[one.field].origin
            for one in options_of(table)
            if one.field in self._settings and not one.option.argument
            if self._settings[one.field].origin is not Origin.DEFAULT
        }

    def is_on(self, field: str) -> bool:
        """Returns whether the command has a flag and it is on."""
        setting = self._settings.get(field)
        return setting is not None and bool(setting.value)

    def value(self, field: str) -> Any:
        """Returns the value of a field."""
        return self._settings[field].value

    def origin(self, field: str) -> Origin:
        """Returns where the value of a field comes from."""
        return self._settings[field].origin

    def given_name(self, path: str) -> str:
        """Returns the name that the user gave to an input: ``-`` for the copy of standard input."""
        return path if self._inputs is None else self._inputs.given(path)

    @property
    def has_read_standard_input(self) -> bool:
        """True if an option took standard input, so that nothing else can."""
        return self._inputs is not None and self._inputs.has_read_standard_input

    def prefer_stronger(self, first: str, second: str) -> None:
        """Resets one of two exclusive fields to its default, if the other has a value from a stronger place."""
        one, other = self._settings[first], self._settings[second]
        if not (one.value and other.value) or one.origin is other.origin:
            return
        order = list(Origin)
        weaker = min(one, other, key=lambda setting: order.index(setting.origin))
        self._settings[weaker.option.field] = Setting(weaker.option, weaker.option.default)

    def drop_weaker(self, table: type[msgspec.Struct]) -> list[str]:
        """Resets the fields of a class that are from elsewhere than the command line, and returns their labels."""
        dropped = []
        for one in options_of(table):
            setting = self._settings.get(one.field)
            if setting is not None and setting.origin in {Origin.ENVIRONMENT, Origin.FILE}:
                self._settings[one.field] = Setting(one, one.default)
                dropped.append(setting.label)
        return dropped

    def explained(self, error: UsageError) -> UsageError:
        """Returns the error with a hint that says where the options in its message come from."""
        if error.hint is not None:
            return error
        named = set(re.findall(r"--([a-z][a-z0-9-]*)", str(error)))
        labels = [
            f"--{one.option.name} is {one.label}"
            for one in self._settings.values()
            if one.option.name in named and one.origin in {Origin.ENVIRONMENT, Origin.FILE}
        ]
        return UsageError(str(error), hint="; ".join(labels)) if labels else error

    def _resolve(self, command: str, option: DeclaredOption) -> Setting:
        for origin, named, label in self._candidates(command, option):
            pipes = self._inputs if option.option.is_input else None
            texts = named if pipes is None else tuple(map(pipes.readable, named))
            if texts == (STANDARD_OUTPUT_NAME,) and option.field == "output":
                if not option.option.can_be_standard_output:
                    raise UsageError(f"invalid {label}: '-'; it must be the name of a file")
                return Setting(option, None, origin, label)
            try:
                return Setting(option, option.parse(texts), origin, label)
            except ValueError as error:
                raise UsageError(f"invalid {label}: '{', '.join(texts)}'; {error}") from error
        if option.default is REQUIRED and not option.repeatable:
            raise UsageError(f"missing option: '--{option.name}'")
        return Setting(option, () if option.default is REQUIRED else option.default)

    def _candidates(self, command: str, option: DeclaredOption) -> Iterator[tuple[Origin, tuple[str, ...], str]]:
        given = self._given.get(option.field)
        if given is not None:
            label = option.option.metavar or option.name if option.option.argument else f"--{option.name}"
            yield Origin.COMMAND_LINE, _words(given), label
        if option.option.argument:
            return
        variable = variable_of(option)
        value = os.environ.get(variable)
        if value:
            yield Origin.ENVIRONMENT, _split(option, value), variable
        if self.config_file is not None and (found := self.config_file.value(command, option)) is not None:
            yield Origin.FILE, found.texts, found.label


def variable_of(option: DeclaredOption) -> str:
    """Returns the environment variable of an option."""
    return VARIABLE_PREFIX + option.setting.upper().replace("-", "_")


def _words(given: object) -> tuple[str, ...]:
    if isinstance(given, list | tuple):
        return tuple(given)
    return (str(given).lower() if isinstance(given, bool) else str(given),)


def _split(option: DeclaredOption, value: str) -> tuple[str, ...]:
    """Returns the values in an environment variable."""
    if not option.repeatable:
        return (value,)
    parts = value.split("\n") if "\n" in value else re.split(option.option.separator or re.escape(os.pathsep), value)
    return tuple(part for part in parts if part)


def _warn_of_variables(options: Sequence[DeclaredOption], commands: Commands) -> None:
    """Warns of a variable that is nearly that of an option. It is not an error, because it may have another purpose."""
    own = {variable_of(one) for one in options}
    unknown = [name for name in os.environ if name.startswith(VARIABLE_PREFIX) and name not in own]
    if not unknown:
        return
    import difflib  # noqa: PLC0415 # start-up: rarely needed

    known = sorted({variable_of(one) for options in commands().values() for one in options if not one.option.argument})
    names = [name.removeprefix(VARIABLE_PREFIX) for name in known]
    for name in unknown:
        similar = difflib.get_close_matches(name.removeprefix(VARIABLE_PREFIX), names, n=1, cutoff=MIN_SIMILARITY)
        if name not in known and similar:
            warn(f"warning: unknown variable '{name}' is ignored; did you mean '{VARIABLE_PREFIX}{similar[0]}'?")
