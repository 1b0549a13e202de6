"""The trust store means here what it means to ssh-keygen."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings_lab import signing_key
from hashaudit.errors import SigningKeyError
from hashaudit.signing.allowed_signers import AllowedSigners, matches_pattern_list
from property_examples import examples

KEY = signing_key()
PUB = KEY.public_key.text
OTHER = signing_key(2).public_key.text
NOW_S = 1_751_328_000  # 2025-07-01T00:00:00Z
NOW = "20250701000000Z"

ACCEPTED = [
    f"me {PUB}",
    f"me {PUB} a comment",
    f'"me" {PUB}',
    f"  me\t{PUB}",
    f"me {PUB}\r",
    f"# comment\n\n  \nyou {OTHER}\nme {PUB}",
    f"* {PUB}",
    f"m** {PUB}",
    f"m?,you {PUB}",
    f"you,!them,m* {PUB}",
    f'me namespaces="ns" {PUB}',
    f'me NAMESPACES="nx,n*" {PUB}',
    f'me namespaces="ns",valid-after="20250101Z",valid-before="20260101Z" {PUB}',
    f'me valid-after="{NOW}" {PUB}',
    f'me valid-before="{NOW}" {PUB}',
    f'me valid-after="202507010000Z" {PUB}',
    f'me valid-after="20250701z" {PUB}',
    # Without Z the time is local; here an hour ahead of UTC, and ssh-keygen knows no summer time.
    f'me valid-after="20250701010000" {PUB}',
    f'me namespaces="git" {PUB}\nme {PUB}',
]

REFUSED = [
    f"you {PUB}",
    f"ME {PUB}",
    f"me {OTHER}",
    f"!me,m* {PUB}",
    f"m*,!me {PUB}",
    f"[m]e {PUB}",
    f'me namespaces="!ns,n*" {PUB}',
    f'me namespaces="git" {PUB}',
    f'me namespaces="" {PUB}',
    f'me namespaces="n\\"s" {PUB}',
    f'me valid-after="20250701000001Z" {PUB}',
    f'me valid-before="20250630235959Z" {PUB}',
    f'me valid-after="20250701010001" {PUB}',
    f"me cert-authority {PUB}",
    f'me cert-authority,namespaces="ns" {PUB}',
]

MALFORMED = [
    f"me namespaces=ns {PUB}",
    f'me namespaces="ns {PUB}',
    f'me namespaces="ns", {PUB}',
    f'me namespaces="ns"x {PUB}',
    f'me namespaces="ns",namespaces="ns" {PUB}',
    f"me namespaces {PUB}",
    f"me cert-authority=no {PUB}",
    f"me unknown {PUB}",
    f'me valid-after="2025" {PUB}',
    f'me valid-after="20250701240000Z" {PUB}',
    f'me valid-after="20260101",valid-before="20250101" {PUB}',
    f'me valid-after="2025070\u0661Z" {PUB}',
    f'"me {PUB}',
    "me",
    "me ssh-ed25519",
    "me ssh-ed25519 AAAA",
    f"me ssh-rsa {PUB.split()[1]}",
    PUB,
    f',me "" {PUB}',
]


TYPE, BLOB = PUB.split()

REFUSED_BY_BOTH = [
    f"me {PUB}=",
    f"me {PUB}====",
    f"me {TYPE}\u00a0{BLOB}",
    f"me {TYPE}\x0c{BLOB}",
    f"me {TYPE}\u2003{BLOB}",
    f"me {TYPE}\x1c{BLOB}",
    f'me valid-after="19700101Z" {PUB}',
    f'me valid-before="19700101Z" {PUB}',
    f'me valid-after="19691231235959Z" {PUB}',
    f'me valid-after="19700101010000" {PUB}',
    f"{'a' * 1023},me {PUB}",
    f"me,{'a' * 1023} {PUB}",
    f"me,!{'a' * 1023} {PUB}",
    f"me,{'é' * 512} {PUB}",
    f'me namespaces="ns,{"a" * 1023}" {PUB}',
    f"*,!me\r {PUB}",
    f'*,!m"e" {PUB}',
    f"*,!me\r{PUB}",
    f"m*\0 {PUB}",
    f"me\0 {PUB}",
]
"""Each was taken here once, or looks like a form that was."""


@pytest.mark.parametrize("text", REFUSED_BY_BOTH)
def test_what_ssh_keygen_does_not_take_is_not_taken_here(tmp_path: Path, text: str) -> None:
    assert not ssh_keygen_accepts(tmp_path, text)
    with pytest.raises(SigningKeyError, match="line 1: "):
        AllowedSigners.parse(text)


def test_the_longest_pattern_is_taken_by_both(tmp_path: Path) -> None:
    for text in (f"{'a' * 1022},me {PUB}", f"!{'a' * 1022},me {PUB}", f"{'é' * 511},me {PUB}"):
        assert accepts(text)
        assert ssh_keygen_accepts(tmp_path, text)


ODD = st.sampled_from(
    [
        *' \t\r\x0b\x0c\0"\\,!*?#=+/AZz01',
        "\u00a0",
        "\u0661",
        "é",
        "me",
        "ns",
        '""',
        "\n",
        "==",
        "Z",
        "\ufeff",
        "ssh-rsa",
    ]
)
LINES = st.sampled_from(
    [
        f"me {PUB} comment",
        f'"me" namespaces="ns" {PUB}',
        f"*,!you {PUB}",
        f"*,!me {PUB}",
        f'me valid-after="20250101Z",valid-before="20260101Z" {PUB}',
        f'm? namespaces="n*,!x",valid-before="202601010000" {PUB}\n',
        f'me namespaces="!ns,*" {PUB}',
        f"me {OTHER}\nyou {PUB}",
    ]
)


@st.composite
def odd_lines(draw: st.DrawFn) -> str:
    """A line with a few characters put in, taken out or doubled at places where it matters."""
    text = draw(LINES)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        removed = draw(st.sampled_from([0, 0, 0, 1, 1, 5]))
        text = text[:place] + draw(st.one_of(ODD, st.just(""))) + text[place + removed :]
    return text


@settings(max_examples=examples(60))
@given(odd_lines())
def test_nothing_is_taken_here_that_ssh_keygen_refuses(text: str) -> None:
    try:
        taken = accepts(text)
    except SigningKeyError:
        return
    if taken:
        with tempfile.TemporaryDirectory() as folder:
            assert ssh_keygen_accepts(Path(folder), text)


@pytest.fixture(autouse=True)
def an_hour_ahead_of_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def accepts(text: str) -> bool:
    return AllowedSigners.parse(text).lookup(KEY.public_key, "ns", NOW_S, "me").accepted


def ssh_keygen_accepts(folder: Path, text: str) -> bool:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    (folder / "store").write_bytes(text.encode(errors="surrogateescape"))
    (folder / "sig").write_text(KEY.sign(b"m", "ns"))
    command = ["ssh-keygen", "-Y", "verify", "-f", str(folder / "store"), "-I", "me", "-n", "ns"]
    command += ["-s", str(folder / "sig"), "-O", f"verify-time={NOW}"]
    return subprocess.run(command, input=b"m", capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_ssh_keygen_accepts_is_accepted(tmp_path: Path, text: str) -> None:
    assert accepts(text)
    assert ssh_keygen_accepts(tmp_path, text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_ssh_keygen_refuses_is_refused(tmp_path: Path, text: str) -> None:
    assert not accepts(text)
    assert not ssh_keygen_accepts(tmp_path, text)


@pytest.mark.parametrize("text", MALFORMED)
def test_a_malformed_line_is_trusted_by_neither_and_refuses_the_store_here(tmp_path: Path, text: str) -> None:
    for store in (text, f"me {PUB}\n{text}"):
        with pytest.raises(SigningKeyError, match=f"line {store.count(chr(10)) + 1}: "):
            AllowedSigners.parse(store)
    assert not ssh_keygen_accepts(tmp_path, text)


def test_a_day_that_does_not_exist_is_refused() -> None:
    # ssh-keygen takes it for a day in the month after; a limit that means something else is worse than none.
    with pytest.raises(SigningKeyError, match="no such day"):
        AllowedSigners.parse(f'me valid-before="20250230Z" {PUB}')


def test_the_reason_says_why_not() -> None:
    def reason(text: str, identity: str | None = "me") -> str:
        found = AllowedSigners.parse(text).lookup(KEY.public_key, "ns", NOW_S, identity)
        assert not found.accepted
        return "; ".join(refusal.message for refusal in found.refusals)

    assert KEY.fingerprint in reason(f"me {OTHER}")
    assert "for a different identity" in reason(f"you {PUB}")
    assert "does not allow the namespace ns" in reason(f'me namespaces="git" {PUB}')
    assert "certificate authority, which is not supported" in reason(f"me cert-authority {PUB}")
    assert "line 2 is no longer valid" in reason(f'# old\nme valid-before="20200101Z" {PUB}')
    assert "not yet valid" in reason(f'me valid-after="20300101Z" {PUB}')
    assert AllowedSigners.parse(f"you {PUB}").lookup(KEY.public_key, "ns", NOW_S).principals == ("you",)


def test_only_time_refusals_are_by_time() -> None:
    def by_time(options: str) -> bool:
        store = AllowedSigners.parse(f"me {options} {PUB}")
        return store.lookup(KEY.public_key, "ns", NOW_S, "me").refusals[0].by_time

    assert by_time('valid-before="20200101Z"')
    assert by_time('valid-after="20300101Z"')
    assert not by_time('namespaces="git",valid-before="20200101Z"')


def test_a_fraction_of_a_second_after_the_limit_is_within_it() -> None:
    store = AllowedSigners.parse(f'me valid-before="{NOW}" {PUB}')
    assert store.lookup(KEY.public_key, "ns", NOW_S + 0.9, "me").accepted
    assert not store.lookup(KEY.public_key, "ns", NOW_S + 1, "me").accepted


def test_a_store_comes_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "allowed_signers"
    path.write_bytes(f"# caf\xe9\nme {PUB}\n".encode("latin-1"))
    assert len(AllowedSigners.load(str(path)).signers) == 1
    for content, message in ((b"", "no line"), (b"x", "line 1"), (b"#" * (5 << 20), "larger than")):
        path.write_bytes(content)
        with pytest.raises(SigningKeyError, match=message) as error:
            AllowedSigners.load(str(path))
        assert "allowed_signers" in str(error.value)
    with pytest.raises(SigningKeyError, match="cannot read"):
        AllowedSigners.load(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "patterns", "expected"),
    [
        ("abc", "abc", True),
        ("abc", "a*c", True),
        ("ac", "a*c", True),
        ("ac", "a?c", False),
        ("a.c", "a.c", True),
        ("abc", "a.c", False),
        ("a\nc", "a*c", True),
        ("abc", "ab", False),
        ("abc", "x,abc", True),
        ("abc", "*,!abc", False),
        ("abc", "!abc", False),
        ("abc", "!x", False),
        ("", "*", True),
        ("é", "?", False),
        ("é", "??", True),
    ],
)
def test_pattern_lists(text: str, patterns: str, expected: bool) -> None:
    assert matches_pattern_list(text, patterns) is expected


@given(st.text())
def test_no_text_crashes_the_reader(text: str) -> None:
    for content in (text, f"me {text} {PUB}", f'me namespaces="{text}" {PUB}', f'me valid-after="{text}" {PUB}'):
        try:
            AllowedSigners.parse(content).lookup(KEY.public_key, "ns", NOW_S, "me")
        except SigningKeyError:
            continue
