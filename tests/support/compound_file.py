"""Writes compound files (OLE), small and large, from the names and contents of their streams."""

import struct

FREE, END, FAT, DIFAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
CUTOFF = 4096


def compound_file(streams: dict[str, bytes], *, shift: int = 9) -> bytes:  # noqa: C901, PLR0915 # one layout
    """Returns a compound file. ``/`` in a name is a storage. Members of a storage form a list, not a balanced tree."""
    size = 1 << shift
    rows: list[list[object]] = [["Root Entry", 5, FREE, FREE, END, 0]]
    storages: dict[str, int] = {"": 0}
    last: dict[int, int] = {}
    contents: dict[int, bytes] = {}

    def add(parent: int, name: str, kind: int) -> int:
        rows.append([name, kind, FREE, FREE, END, 0])
        number = len(rows) - 1
        if parent in last:
            rows[last[parent]][2] = number
        else:
            rows[parent][3] = number
        last[parent] = number
        return number

    for path, content in streams.items():
        *above, name = path.split("/")
        at = ""
        for step in above:
            parent, at = storages[at], f"{at}/{step}"
            if at not in storages:
                storages[at] = add(parent, step, 1)
        contents[add(storages[at], name, 2)] = content

    sectors: list[bytes] = []
    fat: list[int] = []

    def store(data: bytes) -> int:
        if not data:
            return END
        first = len(sectors)
        count = -(-len(data) // size)
        sectors.extend(data[at * size : (at + 1) * size].ljust(size, b"\0") for at in range(count))
        fat.extend([*range(first + 1, first + count), END])
        return first

    mini, mini_fat = b"", list[int]()
    for number, content in contents.items():
        rows[number][5] = len(content)
        if len(content) >= CUTOFF:
            rows[number][4] = store(content)
        elif content:
            rows[number][4] = len(mini_fat)
            count = -(-len(content) // 64)
            mini_fat.extend([*range(len(mini_fat) + 1, len(mini_fat) + count), END])
            mini += content.ljust(count * 64, b"\0")
    rows[0][4], rows[0][5] = store(mini), len(mini)
    first_mini_fat = store(_numbers(mini_fat, size))
    first_directory = store(b"".join(map(_row, rows)).ljust(-(-len(rows) * 128 // size) * size, b"\0"))
    per_sector = size // 4
    fat_count = difat_count = 1
    while True:
        difat_count = max(0, -(-(fat_count - 109) // (per_sector - 1)))
        if fat_count * per_sector >= len(sectors) + fat_count + difat_count:
            break
        fat_count += 1
    fat_at = len(sectors)
    fat += [FAT] * fat_count + [DIFAT] * difat_count
    places = [*range(fat_at, fat_at + fat_count)]
    difat_at = fat_at + fat_count
    difat = b""
    for number in range(difat_count):
        rows_of = places[109 + number * (per_sector - 1) : 109 + (number + 1) * (per_sector - 1)]
        after = difat_at + number + 1 if number + 1 < difat_count else END
        difat += struct.pack(f"<{per_sector}I", *rows_of, *[FREE] * (per_sector - 1 - len(rows_of)), after)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 4 if shift > 9 else 3, 0xFFFE, shift, 6)
    header += struct.pack("<IIIII", 0, fat_count, first_directory, 0, CUTOFF)
    header += struct.pack("<IIII", first_mini_fat, len(mini_fat) and 1, difat_at if difat_count else END, difat_count)
    header += struct.pack("<109I", *(places[at] if at < fat_count else FREE for at in range(109)))
    return header.ljust(size, b"\0") + b"".join(sectors) + _numbers(fat, size, fat_count * size) + difat


def _row(row: list[object]) -> bytes:
    name, kind, left, child, start, size = row
    encoded = str(name).encode("utf-16-le", "surrogatepass") + b"\0\0"
    return encoded.ljust(64, b"\0") + struct.pack(
        "<HBBIII36xIQ", len(encoded), kind, 1, left, FREE, child, start, size
    )  # fmt: skip


def _numbers(numbers: list[int], size: int, length: int = 0) -> bytes:
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    return data.ljust(length or -(-len(data) // size) * size, b"\xff")


def native(name: bytes, content: bytes) -> bytes:
    """Returns the stream of a packaged file."""
    path = b"C:\\" + name + b"\0"
    body = struct.pack("<H", 2) + name + b"\0" + path + struct.pack("<HHI", 0, 3, len(path)) + path
    body += struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body


def blip(content: bytes, *, instance: int = 0x46A, kind: int = 0xF01D, skip: int = 17) -> bytes:
    """Returns the record of an image in a drawing."""
    return struct.pack("<HHI", instance << 4, kind, skip + len(content)) + bytes(skip) + content
