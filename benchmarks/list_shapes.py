"""Lists in the shapes that people have, with made-up hashes, and the changes that happen to such lists.

``benchmarks/fuzz.py`` feeds them: each planted hash is found, or the list is refused, or a warning or a count says that
something was left out.
"""

import hashlib
import json
import random
from collections.abc import Callable

Planted = dict[str, bytes]
"""Hex text of each hash -> its raw bytes."""

INVISIBLE = ("\ufeff", "\u200b", "\u200d", "\u2060", "\u00ad", "\u200e", "\u00a0", "\u202f", "\u3000")
PLACES = ("sha256", "SHA-256", "sha_256", "FileHash-SHA256", "SHA256 hash", "FileSha256", "filename|sha256")
HUGE = ("9" * 19, "9" * 25, "9" * 500, str(1 << 63), str(1 << 64), "-1", "1e999", "NaN")


class Shapes:
    """Makes and changes lists."""

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def __call__(self) -> tuple[str, bytes, Planted]:
        """Returns the name of a shape, a list of it with changes, and the hashes that were planted in it."""
        name, make = self.random.choice(list(self._shapes().items()))
        planted: Planted = {}
        text = make(planted)
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            text = self.random.choice(self._changes())(text)
        return name, self._encoded(text), planted

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

    def _changes(self) -> list[Callable[[str], str]]:
        return [
            self._insert(INVISIBLE),
            self._insert(HUGE),
            self._insert(('"', '""', "'", "`", ",", ";", "\t", "|", " ", "\n", "\r", "\0", ": ", "=")),
            self._insert(("\nA title of words\n", "\n\n", "\nN/A\n", "\nhttps://example.org/x\n", "\n-----\n")),
            lambda text: "A title:\n" + text,
            lambda text: "# made today\n\n" + text,
            lambda text: text.replace("\n", "\r\n"),
            lambda text: text.rstrip("\n"),
            lambda text: text + self.random.choice(["\x1a", "\0" * 600, "end", "\n\n\n", "N/A", ",,", "\ufeff"]),
            lambda text: text[: self.random.randrange(len(text) + 1)],
            lambda text: text.replace(",", self.random.choice([", ", " ,", ";", "\t"])),
            lambda text: text + text,
        ]

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
