"""Opens pages in the system's Chromium, offline, and reports what it saw."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(
    os.environ.get("HASHAUDIT_NODE_MODULES")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "hashaudit-ci" / "node_modules"
)
"""Where playwright-core and axe-core are: ``npm install --prefix DIR playwright-core axe-core``."""

SCRIPT = Path(__file__).with_name("inspect_pages.mjs")

TIMEOUT_S = 280
"""A browser on a loaded machine is slow."""


def inspect(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """The browser's view of each page, by its name. ``HASHAUDIT_SCREENSHOTS`` names a directory for images."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or shutil.which("node") is None:
        pytest.skip("needs chromium and node (Debian: chromium, nodejs)")
    if not (MODULES / "playwright-core").is_dir() or not (MODULES / "axe-core").is_dir():
        pytest.skip(f"needs playwright-core and axe-core in {MODULES}: npm install playwright-core axe-core")
    given = {
        "modules": str(MODULES),
        "chromium": program,
        "pages": [{"scripts": True, "schemes": ["light"], "axe": False} | page for page in pages],
        "screenshots": os.environ.get("HASHAUDIT_SCREENSHOTS"),
    }
    done = subprocess.run(
        ["node", SCRIPT, json.dumps(given)], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
