"""The examples of docs/guides/scale-out.md are whole: shell that parses, YAML that is one, options that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from installed import Tool

PAGE = (Path(__file__).parents[1] / "docs" / "guides" / "scale-out.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def of(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


@pytest.mark.parametrize("text", [*of("bash"), *re.findall(r"- \|\n(.*?)\n {10}env:", PAGE, re.DOTALL)])
def test_shell_parses(text: str) -> None:
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False, capture_output=True).stderr == ""


@pytest.mark.parametrize("text", of("yaml"))
def test_yaml_is_yaml(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="comes with distributed")
    assert set(yaml.safe_load(text)) == {"apiVersion", "kind", "metadata", "spec"}


def test_every_option_exists(hashaudit: Tool) -> None:
    used = set(re.findall(r"hashaudit (scan|merge)((?: \\\n|[^\n])*)", PAGE))
    assert len(used) > 5
    for command, words in used:
        known = hashaudit(command, "--help", env={"COLUMNS": "300"}).out.decode()
        for option in re.findall(r"(?<!\S)--[a-z-]+", words):
            assert option in known, option
