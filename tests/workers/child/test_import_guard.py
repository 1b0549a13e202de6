"""A sandboxed worker imports nothing: what would be loaded late is loaded before, refused, and reported by name."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from hashaudit.content.images.formats import ImageFormat, sniff
from hashaudit.content.images.more_codecs import FORMATS as MORE_FORMATS
from hashaudit.content.images.pillow import PILLOW_NAMES
from hashaudit.content.images.warm_up import SAMPLES
from hashaudit.model.faults import FaultCode
from hashaudit.workers.child.import_guard import ImportGuard
from installed import Tool, of_kind

HASHER = """
class Late:
    name, length_bytes, needs, metric, threshold = "late", 8, "luma", "hamming", 4

    def hash(self, pixels):
        try:
            import {module}
        except ImportError:
            pass  # a library that goes another way in silence
        return bytes(range(8))
"""


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> ImportGuard:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    guard = ImportGuard()
    guard.install()
    return guard


def test_a_module_that_exists_is_refused_and_reported_once(guard: ImportGuard) -> None:
    for _ in range(2):
        with pytest.raises(ImportError, match="colorsys"):
            __import__("colorsys")
    (fault,) = guard.faults()
    assert fault.code is FaultCode.INTERNAL_ERROR
    assert "'colorsys'" in fault.message
    assert guard.faults() == ()


def test_loaded_and_missing_modules_fail_or_work_as_usual(guard: ImportGuard) -> None:
    assert __import__("json").dumps(1) == "1"
    with pytest.raises(ModuleNotFoundError):
        __import__("no_such_module_anywhere")
    assert guard.faults() == ()


def test_every_decoder_is_warmed_up() -> None:
    kinds = {sniff(path.read_bytes()[:4096]) for path in Path(SAMPLES).iterdir()}
    assert kinds == (set(PILLOW_NAMES) | MORE_FORMATS) - {ImageFormat.HEIC}


@pytest.mark.parametrize(("module", "code"), [("colorsys", 16), ("no_such_module_anywhere", 0), ("time", 0)])
def test_a_late_import_is_an_internal_error_that_names_the_module(
    hashaudit: Tool, tmp_path: Path, module: str, code: int
) -> None:
    Image.linear_gradient("L").save(tmp_path / "gradient.png")
    library = tmp_path / "library"
    library.mkdir()
    (library / "late_hasher.py").write_text(HASHER.format(module=module))
    result = hashaudit(
        *("scan", tmp_path / "gradient.png", "--record=all", "--hasher", "late_hasher:Late"),
        env={"PYTHONPATH": str(library)},
    )
    assert result.code == code, result.err
    faults = of_kind(result.lines, "fault")
    assert [fault["faults"][0]["code"] for fault in faults] == ["internal_error"] * (code == 16)
    assert all(f"'{module}'" in fault["faults"][0]["message"] for fault in faults)
