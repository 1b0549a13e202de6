"""Lists in the shapes that people have, with made-up hashes, and the changes that happen to such lists.

Lists of every real format are changed in the same ways: the samples of the tests. ``benchmarks/fuzz.py`` feeds them:
each planted hash is found, or the list is refused, or a warning or a count says that something was left out.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

Planted = dict[str, bytes]
"""Hex text of each hash -> its raw bytes."""

INVISIBLE = ("\ufeff", "\u200b", "\u200d", "\u2060", "\u00ad", "\u200e", "\u00a0", "\u202f", "\u3000")
PLACES = ("sha256", "SHA-256", "sha_256", "FileHash-SHA256", "SHA256 hash", "FileSha256", "filename|sha256")
HUGE = ("9" * 19, "9" * 25, "9" * 500, str(1 << 63), str(1 << 64), "-1", "1e999", "NaN")


class Shape(NamedTuple):
    """A list before and after changes."""

    name: str
    unchanged: bytes
    changed: bytes
    planted: Planted
    """Hashes of the unchanged list."""


class Shapes:
    """Makes and changes lists.

    Args:
        source: of the choices.
        samples: name -> text and hashes of lists of real formats.
    """

    def __init__(self, source: random.Random, samples: dict[str, tuple[str, Planted]]) -> None:
        self.random = source
        self._samples = samples

    def __call__(self) -> Shape:
        """Returns a list of one shape, with changes."""
        if self._samples and self.random.random() < 0.6:
            name, (text, planted) = self.random.choice(list(self._samples.items()))
        else:
            name, make = self.random.choice(list(self._shapes().items()))
            planted = {}
            text = make(planted)
        changed = text
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            if text[:1] in "{[" and self.random.random() < 0.8:
                changed = self._json_changed(changed)
            else:
                changed = self.random.choice(self._changes(text))(changed)
        return Shape(name, text.encode(), self._encoded(changed), planted)

    def _hash(self, planted: Planted, name: str = "") -> str:
        algorithm = name or self.random.choice(["md5", "sha1", "sha256", "sha512"])
        raw = hashlib.new(algorithm, self.random.randbytes(8)).digest()
        text = raw.hex()
        planted[text] = raw
        return text.upper() if self.random.random() < 0.3 else text

    def _count(self) -> int:
        return self.random.choice([1, 2, 3, 5, 20, 150])

    def _shapes(self) -> dict[str, Callable[[Planted], str]]:
        return {
            "plain": self._plain,
            "one line": lambda planted: " ".join(self._hash(planted) for _ in range(self._count())) + "\n",
            "notes": lambda planted: "".join(f"- {self._hash(planted)} (seen)\n" for _ in range(self._count())),
            "tags": lambda planted: "".join(f"MD5: {self._hash(planted, 'md5')}\n" for _ in range(self._count())),
            "gnu": lambda planted: "".join(f"{self._hash(planted, 'sha256')}  a b\n" for _ in range(self._count())),
            "bsd": lambda planted: "".join(f"MD5 (f) = {self._hash(planted, 'md5')}\n" for _ in range(self._count())),
            "loki": lambda planted: "".join(f"{self._hash(planted)};75;note\n" for _ in range(self._count())),
            "hdb": lambda planted: "".join(f"{self._hash(planted, 'md5')}:12:N\n" for _ in range(self._count())),
            "table": self._table,
            "kinds": self._kinds,
            "records": self._records,
            "misp": self._misp,
            "stix": self._stix,
        }

    def _plain(self, planted: Planted) -> str:
        name = self.random.choice(["", "md5", "sha256"])
        return "".join(self._hash(planted, name) + "\n" for _ in range(self._count()))

    def _table(self, planted: Planted) -> str:
        mark = self.random.choice(",;\t|")
        rows = [["name", "MD5", "sha256", "hash", "size", "Seen"]]
        for _ in range(self._count()):
            hashes = [self._hash(planted, name) for name in ("md5", "sha256", "sha1")]
            rows.append(['"a b"', *hashes, self.random.choice(["12", *HUGE]), "x"])
        return "".join(mark.join(row) + "\n" for row in rows)

    def _kinds(self, planted: Planted) -> str:
        header = self.random.choice(["Indicator_type,Data,Note", "Indicator,Data,Note", "type,value,comment", "a,b,c"])
        rows = [header, "domain,evil.example,c2"]
        for _ in range(self._count()):
            kind = self.random.choice(PLACES)
            rows.append(f"{kind},{'n|' if '|' in kind else ''}{self._hash(planted, 'sha256')},note")
        return "\n".join(rows) + "\n"

    def _records(self, planted: Planted) -> str:
        records = [{"sha256": self._hash(planted, "sha256"), "size": 9, "name": "x"} for _ in range(self._count())]
        return json.dumps(self.random.choice([records, {"data": records}, {"x": 1, "results": records}]))

    def _misp(self, planted: Planted) -> str:
        hashes = [self._hash(planted, "sha1") for _ in range(self._count())]
        attributes = [{"type": "sha1", "value": text, "to_ids": True} for text in hashes]
        return json.dumps({"Event": {"info": "i", "uuid": "u", "Attribute": attributes}})

    def _stix(self, planted: Planted) -> str:
        patterns = [f"[file:hashes.MD5 = '{self._hash(planted, 'md5')}']" for _ in range(self._count())]
        objects = [{"type": "indicator", "id": f"indicator--{n}", "pattern": text} for n, text in enumerate(patterns)]
        return json.dumps({"type": "bundle", "objects": objects}, sort_keys=self.random.random() < 0.5)

    def _json_changed(self, text: str) -> str:
        """Changes a value of a JSON text, or its writing. A program writes JSON, so the names of keys stay."""
        try:
            root = json.loads(text)
        except ValueError:
            return text
        places = [(holder, key) for holder in _containers(root) for key in _keys(holder)]
        if places and self.random.random() < 0.8:
            holder, key = self.random.choice(places)
            value = holder[key]
            change = self.random.randrange(6)
            if change == 0:
                del holder[key]
            elif change == 1:
                holder[key] = self.random.choice([None, True, 0, -1, 10**30, 1.5, "", "n/a", "x", [], {}, [[]]])
            elif change == 2:
                holder[key] = value.upper() if isinstance(value, str) else value
            elif change == 3 and isinstance(value, str):
                holder[key] = self.random.choice(INVISIBLE) + value + " "
            elif isinstance(holder, list) and isinstance(key, int):
                holder.insert(key, self.random.choice([value, None, 7, "x", {}, {"a": 1}]))
            elif isinstance(holder, dict):
                holder["x_padding"] = "y" * self.random.choice([10, 100_000])
        elif isinstance(root, dict):
            keys = list(root)
            self.random.shuffle(keys)
            root = {"a_comment": "y" * self.random.choice([10, 100_000]), **{key: root[key] for key in keys}}
        indent = self.random.choice([None, 1, "\t"])
        return json.dumps(root, indent=indent, sort_keys=self.random.random() < 0.3, ensure_ascii=False)

    def _changes(self, text: str) -> list[Callable[[str], str]]:
        around: list[Callable[[str], str]] = [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.rstrip("\n"),
            lambda text: text + self.random.choice(["\x1a", "\0" * 600, "\n\n\n", "\ufeff"]),
            lambda text: text[: self.random.randrange(len(text) + 1)],
            lambda text: text + text,
        ]
        return around if text[:1] in "{[" else around + self._text_changes()

    def _text_changes(self) -> list[Callable[[str], str]]:
        return [
            self._insert(INVISIBLE),
            self._insert(HUGE),
            self._insert(('"', '""', "'", "`", ",", ";", "\t", "|", " ", "\n", "\r", "\0", ": ", "=")),
            self._insert(("\nA title of words\n", "\n\n", "\nN/A\n", "\nhttps://example.org/x\n", "\n-----\n")),
            lambda text: "A title:\n" + text,
            lambda text: "# made today\n\n" + text,
            lambda text: text + self.random.choice(["end", "N/A", ",,"]),
            lambda text: text.replace(",", self.random.choice([", ", " ,", ";", "\t"])),
            self._on_a_line(lambda line: line + line),
            self._on_a_line(lambda line: line[:0]),
            self._on_a_line(lambda line: line.swapcase()),
            self._on_a_line(lambda line: line[: self.random.randrange(len(line) + 1)] + "\n"),
            self._on_a_line(lambda line: f'"{line.rstrip()}"\n'),
            self._on_a_line(lambda line: line.replace(",", ";")),
            self._on_a_line(lambda line: " " + line),
            self._on_a_line(lambda line: line.rstrip("\n") + " "),
            self._lines_swapped,
        ]

    def _on_a_line(self, change: Callable[[str], str]) -> Callable[[str], str]:
        def changed(text: str) -> str:
            lines = text.splitlines(keepends=True) or [""]
            place = self.random.randrange(len(lines))
            lines[place] = change(lines[place])
            return "".join(lines)

        return changed

    def _lines_swapped(self, text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        one, other = (self.random.randrange(len(lines)) for _ in range(2))
        lines[one], lines[other] = lines[other], lines[one]
        return "".join(lines)

    def _insert(self, pieces: tuple[str, ...]) -> Callable[[str], str]:
        def change(text: str) -> str:
            place = self.random.randrange(len(text) + 1)
            if self.random.random() < 0.7:
                # Beside a word, where they come from in pasted texts.
                place = max(text.rfind(mark, 0, place) for mark in " ,\n\"'") + 1
            return text[:place] + self.random.choice(pieces) + text[place:]

        return change

    def _encoded(self, text: str) -> bytes:
        return text.encode(self.random.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"]))


def _containers(value: object) -> Iterator[Any]:
    """Yields the objects and arrays in a JSON value."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


def _keys(holder: dict[str, object] | list[object]) -> Iterable[str | int]:
    return list(holder) if isinstance(holder, dict) else range(len(holder))
