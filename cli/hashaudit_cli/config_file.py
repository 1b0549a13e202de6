"""The configuration file: options in TOML, in sections for commands.

A key at the top level is for every command that has the option. ``[lists]`` is for all commands of ``lists``, and
``[lists.build]`` for one. The closest section wins.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from hashaudit.errors import UsageError
from hashaudit.host.private_files import other_writer
from hashaudit.host.user_directory import config_directory
from hashaudit.scan.option import DeclaredOption

CONFIG_FIELD = "config"
"""Field of the option that names the configuration file. It is not a key of the file."""

FILE_NAME = "config.toml"

MAX_FILE_BYTES = 1 << 18
"""A larger file is not a configuration."""

Commands = Callable[[], Mapping[str, Sequence[DeclaredOption]]]
"""Returns the options of every command by its words, such as ``lists build``, and loads the modules of all."""


class FileValue(msgspec.Struct, frozen=True):
    """The value of a key."""

    texts: tuple[str, ...]
    label: str
    """The key with its file and line, for messages."""


class ConfigFile:
    """A parsed configuration file."""

    def __init__(self, path: str, text: str) -> None:
        """Parses the file.

        Raises:
            UsageError: the file is not TOML.
        """
        import tomllib  # noqa: PLC0415 # start-up: most users have no configuration file

        self.path = path
        self._lines = text.splitlines(keepends=True)
        self._loads = tomllib.loads
        try:
            self._data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"invalid configuration file: '{path}'; {error}") from error

    def check(self, command: str, own: Sequence[DeclaredOption], commands: Commands) -> None:
        """Refuses unknown keys at the top level and in the sections of a command.

        Args:
            command: its words.
            own: its options.
            commands: called only for a name that the command does not have.

        Raises:
            UsageError: a key is unknown. The message has the line, and the hint a similar name.
        """
        words = command.split()
        own_names = _keys(own)
        table: Any = self._data
        for depth in range(len(words) + 1):
            for key, value in table.items():
                if key not in own_names or isinstance(value, dict):
                    self._check_key((*words[:depth], key), value, commands())
            table = table.get(words[depth], {}) if depth < len(words) else {}
            if not isinstance(table, dict):
                return

    def _check_key(
        self, path: tuple[str, ...], value: object, commands: Mapping[str, Sequence[DeclaredOption]]
    ) -> None:
        section = path[:-1]
        inner = {name for name in commands if tuple(name.split())[: len(section)] == section}
        subsections = {name.split()[len(section)] for name in inner if len(name.split()) > len(section)}
        if isinstance(value, dict) and path[-1] in subsections:
            return
        names = {key for name in inner for key in _keys(commands[name])}
        if path[-1] in names and not isinstance(value, dict):
            return
        if isinstance(value, dict):
            raise self._unknown("section", path, sorted(subsections))
        raise self._unknown("key", path, sorted(names))

    def _unknown(self, what: str, path: tuple[str, ...], known: Sequence[str]) -> UsageError:
        from hashaudit_cli.suggestions import closest, did_you_mean  # noqa: PLC0415 # start-up: only for an error

        return UsageError(
            f"unknown {what} in {self.place(path)}: '{'.'.join(path)}'",
            hint=did_you_mean(closest(path[-1], known))
            or "see 'hashaudit COMMAND --help' for the options of a command",
        )

    def value(self, command: str, option: DeclaredOption) -> FileValue | None:
        """Returns the value of an option for a command, or ``None`` if the file has none.

        Raises:
            UsageError: the value has the wrong type.
        """
        words = command.split()
        for depth in range(len(words), -1, -1):
            table: Any = self._data
            for word in words[:depth]:
                table = table.get(word, {}) if isinstance(table, dict) else {}
            value = table.get(option.setting) if isinstance(table, dict) else None
            if value is not None and not isinstance(value, dict):
                label = f"{option.setting} in {self.place((*words[:depth], option.setting))}"
                return FileValue(_texts(option, value, label), label)
        return None

    def check_table(self, name: str, keys: Sequence[str]) -> None:
        """Refuses unknown keys in a table that is not a section of a command.

        Raises:
            UsageError: a key is unknown. The message has the line, and the hint a similar name.
        """
        table = self._data.get(name)
        for key in table if isinstance(table, dict) else ():
            if key not in keys:
                raise self._unknown("key", (name, key), sorted(keys))

    def table(self, name: str) -> object:
        """Returns the value of a key at the top level, or ``None``."""
        return self._data.get(name)

    def place(self, path: Sequence[str]) -> str:
        """Returns the file and the line of a key, for messages."""
        return f"'{self.path}' line {self._line(path)}"

    def _line(self, path: Sequence[str]) -> int:
        """Returns the line of a key. It is the first whose text the file needs to have the key.

        ``tomllib`` does not report positions. A prefix of the file that ends within a value does not parse.
        """
        complete = 0
        for count in range(1, len(self._lines) + 1):
            try:
                table: Any = self._loads("".join(self._lines[:count]))
            except ValueError:
                continue
            for word in path:
                table = table.get(word) if isinstance(table, dict) else None
            if table is not None:
                return complete + 1
            complete = count
        return len(self._lines)


def open_config_file(stated: str | None) -> ConfigFile | None:
    """Reads the file that the user states, or the user's own if there is one.

    Raises:
        UsageError: the stated file cannot be read, or the user's own can be changed by others.
    """
    if stated is not None:
        return _read(stated, own=False)
    directory = config_directory()
    path = None if directory is None else os.path.join(directory, FILE_NAME)
    return None if path is None or not os.path.lexists(path) else _read(path, own=True)


def _keys(options: Sequence[DeclaredOption]) -> set[str]:
    return {one.setting for one in options if not one.option.argument and one.field != CONFIG_FIELD}


def _read(path: str, *, own: bool) -> ConfigFile:
    try:
        if own:
            _check_owner(path)
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the configuration file: '{path}'; {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"invalid configuration file: '{path}'; larger than {MAX_FILE_BYTES >> 10} KiB")
    try:
        return ConfigFile(path, data.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"invalid configuration file: '{path}'; not UTF-8") from error


def _check_owner(path: str) -> None:
    """Refuses a file that another user could use to change what a scan does."""
    place = other_writer(path)
    if place == path:
        raise UsageError(
            f"configuration file not used: '{path}'; it belongs to another user, or others may write to it",
            hint=f"run chmod go-w '{path}', or name the file with --config",
        )
    if place is not None:
        raise UsageError(
            f"configuration file not used: '{path}'; other users may replace it, because they may write '{place}'",
            hint=f"run chmod go-w '{place}', or name the file with --config",
        )


def _texts(option: DeclaredOption, value: object, label: str) -> tuple[str, ...]:
    """Returns a TOML value as the texts that the command line would have."""
    if isinstance(value, list) and option.repeatable:
        return tuple(_text(option, item, label) for item in value)
    return (_text(option, value, label),)


def _text(option: DeclaredOption, value: object, label: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if option.is_flag:
        expected, fits = "true or false", isinstance(value, bool)
    elif option.option.parse is not None:
        expected, fits = "a string", isinstance(value, str) or number
    elif option.type in {int, float}:
        expected, fits = "a number", number
    else:
        expected, fits = "a string", isinstance(value, str)
    if not fits:
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        raise UsageError(f"invalid {label}: '{shown}'; must be {expected}{_plural(option)}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plural(option: DeclaredOption) -> str:
    return " or an array of strings" if option.repeatable else ""
