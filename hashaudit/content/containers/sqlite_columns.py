"""The columns of a table as its SQL text declares them, in the order in which its rows hold them.

Source: sqlite.org/lang_createtable.html; sqlite.org/fileformat2.html 2.4 (tables without rowid).
"""

import re

import msgspec

_TOKEN = re.compile(
    r"""\s+|--[^\n]*|/\*.*?\*/|"(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\]|[A-Za-z_\u0080-\U0010ffff][\w$]*|.""",
    re.DOTALL,
)
_TABLE_CONSTRAINTS = frozenset(("PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"))
_AFTER_TYPE = _TABLE_CONSTRAINTS | {"NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"}


class Column(msgspec.Struct, frozen=True):
    """One column that the rows hold."""

    name: str
    is_blob: bool
    """It is declared as BLOB; text in it is content too."""


def stored_columns(sql: str) -> list[Column]:
    """Returns the columns of a ``CREATE TABLE`` statement; none if it is not understood."""
    words = [word for word in _TOKEN.findall(sql) if not word.isspace() and not word.startswith(("--", "/*"))]
    if "(" not in words:
        return []
    definitions, rest = _split(words[words.index("(") + 1 :])
    columns: list[Column] = []
    key: list[str] = []
    for definition in definitions:
        first = definition[0].upper()
        if first in _TABLE_CONSTRAINTS:
            if (found := _key_of(definition)) is not None:
                key = found
            continue
        words_of = [word.upper() for word in definition[1:]]
        if "AS" in words_of and "STORED" not in words_of:
            continue  # computed when it is read
        type_words = []
        for word in words_of:
            if word in _AFTER_TYPE:
                break
            type_words.append(word)
        name = _unquoted(definition[0])
        columns.append(Column(name, "BLOB" in "".join(type_words)))
        if "PRIMARY" in words_of:
            key = [name]
    if [word.upper() for word in rest[-3:]][:2] == ["WITHOUT", "ROWID"] or "WITHOUT" in map(str.upper, rest):
        places = {name.lower(): place for place, name in enumerate(dict.fromkeys(key))}
        columns.sort(key=lambda column: places.get(column.name.lower(), len(places)))
    return columns


def _split(words: list[str]) -> tuple[list[list[str]], list[str]]:
    """Returns the definitions between the outer parentheses, and the words behind these."""
    definitions: list[list[str]] = [[]]
    depth = 0
    for number, word in enumerate(words):
        if word == ")" and not depth:
            return [definition for definition in definitions if definition], words[number + 1 :]
        depth += (word == "(") - (word == ")")
        if word == "," and not depth:
            definitions.append([])
        else:
            definitions[-1].append(word)
    return [definition for definition in definitions if definition], []


def _key_of(definition: list[str]) -> list[str] | None:
    """Returns the columns of a primary key that is a constraint of the table."""
    words = [word.upper() for word in definition]
    if "PRIMARY" not in words or "(" not in words:
        return None
    inner = definition[words.index("(") + 1 :]
    names, is_first = [], True
    for word in inner:
        if word == ")":
            break
        if is_first:
            names.append(_unquoted(word))
        is_first = word == ","
    return names


def _unquoted(word: str) -> str:
    if word[:1] in {'"', "'", "`"}:
        return word[1:-1].replace(word[0] * 2, word[0])
    return word[1:-1] if word[:1] == "[" else word
