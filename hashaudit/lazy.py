"""Values that are made when they are first used, so that no start pays for what it does not use."""

import functools
import re
from collections.abc import Callable
from typing import Any, AnyStr, TypeVar, cast

_Made = TypeVar("_Made")


class _Lazy:
    """Stands for a value of which only attributes are used. Each attribute is looked up once."""

    def __init__(self, make: Callable[[], object]) -> None:
        self.__make = functools.cache(make)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.__make(), name)
        self.__dict__[name] = found
        return found


def lazy(make: Callable[[], _Made]) -> _Made:
    """Returns an object with the attributes of the value that a function returns, which is called at their first use.

    Args:
        make: returns a value whose attributes never change, such as a decoder.
    """
    return cast("_Made", _Lazy(make))


def lazy_pattern(pattern: AnyStr, flags: re.RegexFlag | int = 0) -> re.Pattern[AnyStr]:
    """Returns a regular expression that is compiled at its first use. Only its attributes can be used."""
    return lazy(lambda: re.compile(pattern, flags))
