"""The rules of the tree: no import cycle, also none through functions; unique module names."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
FAMILIES = {"interface", "protocol"}
"""Names that docs/glossary.md lists as allowed to repeat: each package has one of its own."""


def modules(top: Path) -> dict[str, Path]:
    found = {}
    for root, package in ((top, "hashaudit"), (top / "cli", "hashaudit_cli")):
        for path in (root / package).rglob("*.py"):
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(tree: ast.AST, known: set[str]) -> set[str]:
    """The known modules that a syntax tree imports, wherever in it the statement is, but for types alone."""
    found = set()
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # "from package import module" imports the module; "from module import name" imports the module itself.
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & known or {node.module}
        elif not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            # Expressions have no statements in them.
            blocks = (getattr(node, name, []) for name in ("body", "orelse", "finalbody", "handlers", "cases"))
            left += [inner for block in blocks if isinstance(block, list) for inner in block]
    return found & known


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of a graph, or nothing."""
    done: set[str] = set()
    for start, targets in graph.items():
        visiting: list[str] = []
        stack = [(start, iter(sorted(targets)))] if start not in done else []
        visiting.extend([start] if stack else [])
        while stack:
            node, rest = stack[-1]
            following = next((name for name in rest if name not in done), None)
            if following is None:
                done.add(node)
                stack.pop()
                visiting.pop()
            elif following in visiting:
                return [*visiting[visiting.index(following) :], following]
            else:
                visiting.append(following)
                stack.append((following, iter(sorted(graph[following]))))
    return []


def test_no_module_is_part_of_an_import_cycle() -> None:
    paths = modules(TOP)
    graph = {name: imports(ast.parse(path.read_text()), set(paths)) - {name} for name, path in paths.items()}
    assert sum(map(len, graph.values())) > 1000
    assert cycle(graph) == []


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, ["b", "c", "b"]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, ["a", "b", "a"]),
    ],
)
def test_a_cycle_is_found(graph: dict[str, set[str]], expected: list[str]) -> None:
    assert cycle(graph) == expected


def test_an_import_inside_a_function_counts() -> None:
    tree = ast.parse(
        "def f():\n    from package import module, other\n    from module import name\n    import third.part\n"
    )
    known = {"package", "package.module", "module", "third.part", "unused"}
    assert imports(tree, known) == {"package.module", "module", "third.part"}


def test_module_names_are_unique_and_not_the_standard_library_s() -> None:
    names = [path.stem for path in modules(TOP).values() if not path.stem.startswith("__")]
    assert len(names) > 250
    repeated = {name for name, count in Counter(names).items() if count > 1}
    assert repeated <= FAMILIES
    glossary = (TOP / "docs" / "glossary.md").read_text()
    assert all(f"`{name}`" in glossary for name in FAMILIES)
    assert {name for name in names if name in sys.stdlib_module_names} == set()
