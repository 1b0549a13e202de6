"""What the README and the generated pages claim."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

import generate
from hashaudit.exit_codes import ExitCode
from installed import Tool

TOP = Path(__file__).resolve().parents[1]
COMMANDS = (
    "scan",
    "verify",
    "show",
    "report",
    "export",
    "history",
    "incident",
    "keys",
    "lists",
    "hash",
    "compare",
    "cache",
    "explain",
)
TOOLS = ("bash", "ssh-keygen", "jq", "sha256sum")
README = (TOP / "README.md").read_text()


def test_generated_pages_are_what_the_code_says() -> None:
    pages = generate.pages()
    assert {path.name for path in generate.MANUAL.glob("man?/*")} == {
        path.name for path in pages if path.is_relative_to(generate.MANUAL)
    }
    changed = [path.name for path, text in pages.items() if path.read_text() != text]
    assert changed == [], "run: make docs"


def test_readme_names_every_exit_code() -> None:
    named = set(re.findall(r"^\| (\d+)", README, re.MULTILINE)) | {"1"}
    assert named == {str(code.value) for code in ExitCode if code is not ExitCode.SIGNAL} | {"128"}


RUN = "<!-- tests/test_readme.py runs this block -->\n"


def commands() -> list[str]:
    """Commands of the blocks that no test runs."""
    blocks = re.findall(rf"(?<!{RUN})```(?:sh|ini)\n(.*?)```", README, re.DOTALL)
    text = re.sub(r"\$\([^)]*\)", "date", "\n".join(blocks).replace("\\\n", " "))
    shown = re.compile(rf"(?:^|[ /=])hashaudit ((?:{'|'.join(COMMANDS)})\b.*?)(?: \| .*)?$", re.MULTILINE)
    return [match[1] for match in shown.finditer(text)]


@pytest.mark.parametrize("command", commands())
def test_every_command_shown_is_one_that_is_understood(command: str, hashaudit: Tool, tmp_path: Path) -> None:
    """All options exist; what then fails is only that the paths of the example are not here."""
    result = hashaudit(*shlex.split(command), cwd=tmp_path)
    assert result.code in {4, 16} or "no such ROOT" in result.err, result.err
    assert "Usage" not in result.err


NCMEC_LIST = """<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2"><images count="1">
<image><member id="1">Example</member><timestamp>2026-01-01T00:00:00Z</timestamp><id>image-1</id>
<classification>A1</classification><fingerprints><md5>{md5}</md5></fingerprints></image></images></queryResult>
"""


def test_the_recipes_for_a_desk_an_examiner_and_a_soc_run_as_they_stand(hashaudit: Tool, tmp_path: Path) -> None:
    content = b"listed content"
    md5, sha256 = hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()
    lists = {"ncmec.xml": NCMEC_LIST.format(md5=md5), "case.txt": f"{md5}\n", "indicators.txt": f"{sha256}\n"}
    blocks = re.findall(rf"{RUN}```sh\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    desk, examiner, soc = (tmp_path / name for name in ("desk", "examiner", "soc"))
    for folder, block in zip((desk, examiner, soc), blocks, strict=True):
        for name in ("uploads", "exhibit-4", "shares", "other-shares"):
            (folder / name / "user").mkdir(parents=True)
            (folder / name / "user" / "listed.bin").write_bytes(content)
            (folder / name / "other.txt").write_text("other")
        for name, text in lists.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        for line in block.replace("\\\n", " ").strip().splitlines():
            name, *words = shlex.split(line)
            result = hashaudit(*words, cwd=folder)
            assert (name, result.code) == ("hashaudit", 8 if words[0] == "scan" else 0), (line, result.err)
    drafts = (desk / "incident-7" / "drafts").iterdir()
    assert sorted(path.name.split("-")[0] for path in drafts) == ["fileDetails", "report.xml"]
    assert "listed.bin" not in (desk / "incident-7.html").read_text()
    assert "listed.bin" in (examiner / "exhibit-4.html").read_text()
    assert "Scans over time" in (soc / "history.html").read_text()
    assert json.loads((soc / "findings.ocsf.ndjson").read_bytes())["evidences"][0]["file"]["name"] == "listed.bin"


def jq_recipes() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    text = "\n".join(blocks).replace("|\n", "| ")
    return re.findall(r"^jq .*$", text, re.MULTILINE)


ODD_NAMES = [
    b"plain",
    b"with space",
    b"100%41",
    b"line\nend",
    b"tab\there",
    b"\xff\xfe not UTF-8",
    "\u00fc\u4e2d".encode(),
]


@pytest.fixture(scope="module")
def odd_findings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A findings file about names of all kinds, with a fault."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "tree").mkdir()
    for name in ODD_NAMES:
        path = os.fsencode(folder / "tree") + b"/" + name
        with open(path, "wb") as file:
            file.write(b"content")
    os.symlink("nowhere", os.fsencode(folder / "tree") + b"/broken \xff")
    listed = hashlib.sha256(b"content").hexdigest()
    (folder / "hashes.txt").write_text(f"{listed}  listed\n")
    (folder / "hashes.txt").chmod(0o600)
    words = ("--list", "hashes.txt", "--unsigned", "--follow-links", "-o", "findings.jsonl")
    assert Tool(folder)("scan", "tree", *words, cwd=folder).code == 24
    return folder


def test_the_readme_has_recipes_for_jq() -> None:
    assert len(jq_recipes()) == 6


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
@pytest.mark.parametrize("recipe", jq_recipes())
def test_every_jq_recipe_works_with_any_name(recipe: str, odd_findings: Path) -> None:
    command = f"set -o pipefail; {recipe}"
    result = subprocess.run(["bash", "-c", command], cwd=odd_findings, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    if "xargs" in recipe:
        for name in ODD_NAMES:
            assert os.fsencode(odd_findings / "tree") + b"/" + name + b"\n" in result.stdout
    elif "path_uri" in recipe:
        assert b"/tree/%FF%FE%20not%20UTF-8\n" in result.stdout
        assert b"/tree/100%41\n" in result.stdout
    elif ".faults" in recipe:
        assert result.stdout == f"walk\tbroken_link\t{odd_findings}/tree/broken \ufffd\n".encode()
    else:
        shown = [name.decode(errors="replace") for name in ODD_NAMES]
        escaped = shown if "@tsv" not in recipe else [name.replace("\n", r"\n").replace("\t", r"\t") for name in shown]
        assert all(f"/tree/{name}" in result.stdout.decode() for name in escaped)
    if ".list" in recipe:
        assert result.stdout.count(b"\thashes.txt\tline 1\n") == len(ODD_NAMES)


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}")
def test_the_strangers_commands_verify_and_fail_when_a_byte_is_changed(hashaudit: Tool, tmp_path: Path) -> None:
    block = re.search(r"runs this block -->\n```bash\n(.*?)```", README, re.DOTALL)
    assert block is not None
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"content")
    made = hashaudit("keys", "new", tmp_path / "key")
    line = re.search(rb"allowed_signers: (\S+)( .*\n)", made.out)
    assert line is not None
    (tmp_path / "allowed_signers").write_bytes(b"examiner@host" + line[2])
    words = ("--record", "all", "--key", tmp_path / "key", "-o", tmp_path / "findings.jsonl")
    assert hashaudit("scan", tmp_path / "tree", *words).code == 0

    def check() -> list[int]:
        """The exit code of each of the block's commands."""
        first, *rest = block[1].replace("\\\n", " ").strip().splitlines()
        return [
            subprocess.run(
                ["bash", "-c", f"set -o pipefail; {first}; {command}"], cwd=tmp_path, capture_output=True, check=False
            ).returncode
            for command in rest
        ]

    assert check() == [0, 0, 0]
    findings = tmp_path / "findings.jsonl"
    findings.write_bytes(findings.read_bytes().replace(b'"size":7', b'"size":8'))
    assert check()[1:] == [1, 255]
