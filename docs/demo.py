"""``make demo``: sample images and documents, a small list, a scan, and two ways to verify it.

It prints every command that it runs, so you can repeat them by hand.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw

HASHAUDIT = str(Path(sys.executable).with_name("hashaudit"))
FINDINGS_EXIT = 8
PICTURES = 12
SIDE_PX = 320


def main(target: Path) -> int:
    """Recreates the demo's directory, runs the demo in it, and returns an exit code."""
    if target.exists():
        shutil.rmtree(target)
    files = target / "files"
    make_files(files)
    make_list(files, target / "looked-for.txt")
    environment = os.environ | {"XDG_CONFIG_HOME": str(target.resolve() / "config")}
    environment.pop("HASHAUDIT_KEY", None)

    def run(*words: str, expected: int = 0) -> None:
        in_bash = len(words) == 1
        print("\n$ " + (words[0] if in_bash else shlex.join(words)), flush=True)
        command = ["bash", "-c", words[0]] if in_bash else [HASHAUDIT, *words[1:]]
        code = subprocess.run(command, cwd=target, env=environment, check=False).returncode
        if code != expected:
            raise SystemExit(f"demo: exit code {code} where {expected} was expected")

    run("hashaudit", "keys", "new")
    scan = ("hashaudit", "scan", "files", "--list", "looked-for.txt", "-o", "findings.jsonl", "--case", "demo-1")
    run(*scan, expected=FINDINGS_EXIT)
    run("hashaudit", "verify", "findings.jsonl")
    signers = target.resolve() / "config" / "hashaudit" / "allowed_signers"
    if missing := [tool for tool in ("bash", "ssh-keygen", "jq", "sha256sum") if shutil.which(tool) is None]:
        print(f"\nThe same without hashaudit needs {', '.join(missing)}: not found here, so skipped.")
        return 0
    name = signers.read_text().split()[0]
    check = f"ssh-keygen -Y verify -f {shlex.quote(str(signers))} -I {shlex.quote(name)}"
    print("\nThe same without hashaudit, as any third party can:")
    run(
        f"tail -n1 findings.jsonl | jq -j .body | {check} -n hashaudit-findings "
        "-s <(tail -n1 findings.jsonl | jq -r .sshsig)"
    )
    run(
        '[ "$(head -n -1 findings.jsonl | sha256sum | cut -d" " -f1)" = '
        '"$(tail -n1 findings.jsonl | jq -r ".body|fromjson|.file_sha256")" ] && echo "file_sha256 agrees"'
    )
    run(f"{check} -n hashaudit-file -s findings.jsonl.sig < findings.jsonl")
    print(f"\nAll verified. The findings are in {target / 'findings.jsonl'}.")
    return 0


def make_files(folder: Path) -> None:
    """Writes ordinary images and documents, the same on every run."""
    (folder / "pictures" / ".hidden").mkdir(parents=True)
    (folder / "documents").mkdir()
    for number in range(PICTURES):
        picture = Image.new("RGB", (SIDE_PX, SIDE_PX), (20 * number, 120, 255 - 20 * number))
        draw = ImageDraw.Draw(picture)
        for ring in range(10):
            inset = ring * (8 + number)
            if 2 * inset < SIDE_PX:
                draw.ellipse((inset, inset, SIDE_PX - inset, SIDE_PX - inset), outline=(255, 25 * ring, 0), width=3)
        picture.save(folder / "pictures" / f"picture-{number:02d}.png")
    shutil.copy(folder / "pictures" / "picture-03.png", folder / "pictures" / ".hidden" / "copy of three.png")
    os.link(folder / "pictures" / "picture-05.png", folder / "documents" / "linked.png")
    for number in range(20):
        text = "".join(f"Line {line} of document {number}.\n" for line in range(50 * number + 1))
        (folder / "documents" / f"document-{number:02d}.txt").write_text(text)


def make_list(folder: Path, path: Path) -> None:
    """Writes a list in sha256sum's format with three of the files and one that does not exist."""
    wanted = ["pictures/picture-03.png", "pictures/picture-05.png", "documents/document-07.txt"]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in wanted]
    lines.append(f"{hashlib.sha256(b'not in the folder').hexdigest()}  elsewhere.bin\n")
    path.write_text("".join(lines))
    path.chmod(0o600)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
