"""Declarations of options: one :class:`Option` for each field of an options class, which makes the class the table.

The command line, the environment, the configuration file, the run header and the comparison of two scans are all made
from :func:`options_of`. See docs/contributing.md, "Add an option".
"""

import functools
import os
import types
from collections.abc import Callable, Collection, Iterable
from enum import Enum, StrEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec


class Group(StrEnum):
    """The panels of ``--help``, in their order."""

    NONE = "Options"
    LISTS = "Hash lists"
    FILES = "File selection"
    CONTAINERS = "Containers"
    IMAGES = "Images"
    SELECT = "Selection of records"
    OUTPUT = "Output"
    PERFORMANCE = "Performance"
    STORES = "Object stores"
    CLUSTER = "Cluster"
    CASE = "Case"


class Resume(StrEnum):
    """The comparison of a setting when a scan is resumed, or when shards are merged."""

    EQUAL = "equal"
    """Both scans have the same value."""
    NOTE = "note"
    """A resume repeats the value or omits it. Shards have the same value."""
    SHARD = "shard"
    """A resume has the same value. Each shard has its own."""
    FREE = "free"
    """Any value: it decides how fast or where files are examined, and not what is found."""


class Origin(StrEnum):
    """The place that a value comes from. A later one wins."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command_line"


class Option(msgspec.Struct, frozen=True):
    """The declaration of an option, as metadata of its field: ``case: Annotated[str | None, Option("case")] = None``.

    The field's type decides how a value is written: ``bool`` is a flag, ``tuple`` and ``dict`` make the option
    repeatable, ``None`` among the types means that the option has no default.
    """

    name: str | None
    """Long name without dashes. ``None``: the field is not an option, and only the library sets it."""
    help: str = ""
    """One imperative sentence."""
    group: Group = Group.NONE
    short: str | None = None
    """Letter of the short form."""
    negative: str | None = None
    """Long name that switches a flag off. ``None``: ``no-`` and the name."""
    metavar: str | None = None
    unit: str | None = None
    """Unit of the value, for ``--help``."""
    shown: str | None = None
    """Default as ``--help`` shows it, if it is not the field's default."""
    argument: bool = False
    """Given by position. An argument comes from the command line only."""
    is_input: bool = False
    """Names a file that is only read, so it can also be ``-`` for standard input, or a pipe."""
    can_be_standard_output: bool = False
    """Names a new file; ``-``, or no value, is standard output."""
    optional: bool = False
    """An argument that can be omitted although its field has no default."""
    parse: Callable[[str], Any] | None = None
    """Makes the value from text and raises ``ValueError`` with the condition that the text breaks ("must be ..."). For
    a repeatable option it makes an iterable of items from one text; for a ``dict``, items are pairs."""
    repeatable: bool | None = None
    """``None``: if the field's type is ``tuple`` or ``dict``."""
    separator: str | None = None
    """Regular expression between values in the environment variable of a repeatable option. ``None``: ``os.pathsep``.
    A variable with a line feed is separated by line feeds only."""
    minimum: int | None = None
    setting: str | None = None
    """Name in the environment and the configuration file, where an option of another command has the same long name and
    another meaning. ``None``: the long name."""
    header: str | None = None
    """Name in the run header. ``None``: the field's name."""
    in_config: bool = True
    """Recorded in the header's ``config``. False: the header has a field of its own for it, or it is not recorded."""
    resume: Resume = Resume.EQUAL
    mask: Callable[[str], str] | None = None
    """Replaces the secrets in a recorded value."""
    secret: bool = False
    """Names or holds a secret: masked in the header's ``argv``."""


INTERNAL = Option(None)
"""A setting of the library that no user sets, recorded in the header."""

UNRECORDED = Option(None, in_config=False, resume=Resume.FREE)
"""A setting of the library that is no part of what a scan is asked to do."""

REQUIRED = msgspec.NODEFAULT
"""Default of an option that has none."""


class DeclaredOption(msgspec.Struct, frozen=True):
    """A field of an options class with its option."""

    field: str
    type: Any
    """The field's type without ``None``."""
    default: Any
    """:data:`REQUIRED` if there is none."""
    option: Option

    @property
    def name(self) -> str:
        """Long name without dashes; of an argument, its metavar."""
        return self.option.name or self.field

    @property
    def setting(self) -> str:
        """Name in the environment and the configuration file."""
        return self.option.setting or self.name

    @property
    def repeatable(self) -> bool:
        """True if the option takes several values."""
        stated = self.option.repeatable
        return get_origin(self.type) in {tuple, dict} if stated is None else stated

    @property
    def is_flag(self) -> bool:
        """True if the option takes no value."""
        return self.type is bool

    @property
    def negative_name(self) -> str:
        """Long name, without dashes, that switches a flag off."""
        return self.option.negative or f"no-{self.name}"

    @property
    def is_required(self) -> bool:
        """True if an argument cannot be omitted."""
        return self.option.argument and self.default is REQUIRED and not self.option.optional

    @property
    def header(self) -> str:
        """Name in the run header."""
        return self.option.header or self.field

    def parse(self, texts: Iterable[str]) -> Any:
        """Returns the field's value for texts, of which there is one unless the option is repeatable.

        Raises:
            ValueError: a text breaks a condition, which the message states ("must be ...").
        """
        if not self.repeatable:
            (text,) = texts
            return self._one(text, self.type)
        item_type = get_args(self.type)[0]
        parse = self.option.parse or (lambda text: (self._one(text, item_type),))
        items = [item for text in texts for item in parse(text)]
        return dict(items) if get_origin(self.type) is dict else tuple(items)

    def _one(self, text: str, kind: Any) -> Any:
        if self.option.parse is not None and not self.repeatable:
            return self.option.parse(text)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _choice(text, kind)
        value = _PARSERS.get(kind, str)(text)
        if self.option.minimum is not None and value < self.option.minimum:
            raise ValueError(f"must be {self.option.minimum} or more")
        return value


@functools.cache
def options_of(table: type) -> tuple[DeclaredOption, ...]:
    """Returns the options that a class declares, in the order of its fields.

    Raises:
        TypeError: a field has no :class:`Option`.
    """
    hints = get_type_hints(table, include_extras=True)
    declared = []
    for field in msgspec.structs.fields(table):
        options = [one for one in getattr(hints[field.name], "__metadata__", ()) if isinstance(one, Option)]
        if len(options) != 1:
            raise TypeError(f"{table.__name__}.{field.name} needs one Option")
        default = field.default if field.default_factory is REQUIRED else field.default_factory()
        declared.append(DeclaredOption(field.name, _without_none(field.type), default, options[0]))
    return tuple(declared)


def settings_with(table: type, *resume: Resume, in_config: bool | None = None) -> frozenset[str]:
    """Returns the header names of the options that are compared in one of these ways.

    Args:
        table: an options class.
        resume: the ways.
        in_config: only those in the header's ``config``, or only those with a header field of their own.
    """
    return frozenset(
        one.header
        for one in options_of(table)
        if one.option.resume in resume and in_config in {None, one.option.in_config}
    )


def secret_options(tables: Collection[type]) -> frozenset[str]:
    """Returns the secret options as they are typed: ``--passphrase-file``."""
    return frozenset(f"--{one.name}" for table in tables for one in options_of(table) if one.option.secret)


def _without_none(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in {Union, types.UnionType}:
        kinds = [one for one in get_args(kind) if one is not type(None)]
        if len(kinds) == 1:
            return _without_none(kinds[0])
    return kind


def _choice(text: str, kind: type[Enum]) -> Enum:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(str(one.value) for one in kind)}") from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a valid integer") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a valid number") from None


_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def _truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("must be true or false")


_PARSERS: dict[Any, Callable[[str], Any]] = {
    bool: _truth,
    int: _integer,
    float: _number,
    bytes: os.fsencode,
}
