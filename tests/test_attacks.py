"""The catalogue of attacks names tests that exist; the tests themselves run where they are."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[1]


def catalogue() -> Any:
    spec = importlib.util.spec_from_file_location("attack_catalogue", TOP / "benchmarks" / "attacks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.attacks()


NODES = sorted({node for attack in catalogue() for node in attack.tests})


@pytest.mark.parametrize("node", NODES)
def test_each_attack_names_a_test(node: str) -> None:
    path, _, name = node.partition("::")
    functions = {
        item.name for item in ast.walk(ast.parse((TOP / path).read_text())) if isinstance(item, ast.FunctionDef)
    }
    assert name in functions if name else any(item.startswith("test_") for item in functions)


def test_names_are_unique() -> None:
    names = [attack.name for attack in catalogue()]
    assert len(set(names)) == len(names)
