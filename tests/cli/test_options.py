"""Options from the command line, the environment and a configuration file."""

import itertools
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from installed import Result, Tool
from interrupted import interrupt, make_tree

NOT_USED = "configuration file not used: '{}'; it belongs to another user, or others may write to it"

SLOW = ("--max-rate", "40K", "-j", "2")

ORDER = ("file", "environment", "command_line")
"""A later place wins."""

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("jobs", "workers", {"file": 1, "environment": "2", "command_line": "3"}),
    ("max-rate", "max_rate_bytes_per_s", {"file": "1G", "environment": "2G", "command_line": "3G"}),
    ("max-frames", "max_frames", {"file": 4, "environment": "5", "command_line": "6"}),
    ("file-timeout", "file_timeout_s", {"file": 31.5, "environment": "32", "command_line": "33"}),
    ("follow-links", "follow_links", {"file": True, "environment": "no", "command_line": "--follow-links"}),
    ("path-style", "path_style", {"file": True, "environment": "1", "command_line": "--no-path-style"}),
    ("variants", "variants", {"file": "none", "environment": "dihedral", "command_line": "all"}),
    ("case", "case", {"file": "F", "environment": "E", "command_line": "C"}),
    ("exclude", "exclusions", {"file": ["f", "g"], "environment": "e", "command_line": "c"}),
    ("record", "record", {"file": "all", "environment": "findings", "command_line": "all"}),
]

SHOWN: dict[tuple[str, str], Any] = {
    ("max-rate", "file"): 1 << 30,
    ("max-rate", "environment"): 2 << 30,
    ("max-rate", "command_line"): 3 << 30,
    ("file-timeout", "file"): "31.5",
    ("file-timeout", "environment"): "32.0",
    ("file-timeout", "command_line"): "33.0",
    ("follow-links", "environment"): False,
    ("follow-links", "command_line"): True,
    ("path-style", "environment"): True,
    ("path-style", "command_line"): False,
    ("exclude", "environment"): ["e"],
    ("exclude", "command_line"): ["c"],
}


def configured(tool: Tool, text: str) -> Path:
    """Writes the user's own configuration file."""
    path = tool.home / ".config" / "hashaudit" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def refused(result: Result) -> tuple[str, str]:
    """Returns message and hint of a usage error."""
    assert (result.code, result.out) == (2, b""), result.err
    message, hint = result.err.splitlines()
    return message.removeprefix("hashaudit: error: "), hint.removeprefix("hint: ")


@pytest.fixture
def lists(make_list: Any, tmp_path: Path) -> list[str | Path]:
    (tmp_path / "file").write_bytes(b"another")  # a scan of nothing prints a warning
    return ["--list", make_list(b"x"), "--unsigned", "-q"]


@pytest.mark.parametrize(
    "places", [places for count in (1, 2, 3) for places in itertools.combinations(ORDER, count)], ids="+".join
)
def test_the_strongest_place_wins_and_is_recorded(
    places: tuple[str, ...], hashaudit: Tool, tmp_path: Path, lists: list[str | Path]
) -> None:
    words: list[str | Path] = ["scan", tmp_path, *lists]
    environment, text = {}, "[scan]\n"
    for option, _, values in CASES:
        text += f"{option} = {json.dumps(values['file'])}\n"
        environment["HASHAUDIT_" + option.upper().replace("-", "_")] = values["environment"]
        value = values["command_line"]
        if "command_line" in places:
            words += [value] if value.startswith("--") else [f"--{option}", value]
    if "file" in places:
        configured(hashaudit, text)
    result = hashaudit(*words, env=environment if "environment" in places else {})
    assert result.err == ""
    assert result.code == 0
    header = result.lines[0]
    strongest = places[-1]
    for option, setting, values in CASES:
        found = header["config"].get(setting, header.get(setting))
        if setting == "exclusions":
            found = [one for one in found if not one.startswith("pseudo")]
        expected = SHOWN.get((option, strongest), values[strongest])
        assert found == (int(expected) if setting in {"workers", "max_frames"} else expected), option
        assert header["config_sources"][setting] == strongest
    assert set(header["config_sources"]) == {setting for _, setting, _ in CASES} | {"lists"}
    assert ("config_file" in header) == ("file" in places)


def test_defaults_have_no_source(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    header = hashaudit("scan", tmp_path, *lists).lines[0]
    assert header["config_sources"] == {"lists": "command_line"}
    assert "config_file" not in header


def test_lists_in_a_variable_are_separated(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    first, second = make_list(b"x"), make_list(b"y")
    for value in (f"{first}{os.pathsep}{second}", f"{first}\n{second}\n"):
        result = hashaudit("scan", tmp_path, "--unsigned", "-q", env={"HASHAUDIT_LIST": value})
        assert [item["path"] for item in result.lines[0]["lists"]] == [str(first), str(second)]
    globs = "*:Zone.Identifier\n"
    header = hashaudit("scan", tmp_path, "--record", "all", "-q", env={"HASHAUDIT_INCLUDE": globs}).lines[0]
    assert header["inclusions"] == ["*:Zone.Identifier"]


def test_an_empty_variable_is_not_set(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    header = hashaudit("scan", tmp_path, *lists, env={"HASHAUDIT_JOBS": "", "HASHAUDIT_CASE": ""}).lines[0]
    assert header["config_sources"] == {"lists": "command_line"}


def test_the_closest_section_wins(hashaudit: Tool, make_list: Any) -> None:
    configured(hashaudit, "quiet = true\njson = true\n[lists]\njson = false\n[lists.info]\njson = true\n")
    listed = make_list(b"x")
    assert hashaudit("lists", "info", listed).out.startswith(b"[")
    assert hashaudit("lists", "diff", listed, listed).out.startswith(b"in both")
    assert hashaudit("explain", "16").out.startswith(b"{")


def test_a_key_of_another_command_is_no_error(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    configured(hashaudit, "days = 3\n[cache.prune]\ndays = 4\n[verify]\njson = true\n")
    assert hashaudit("scan", tmp_path, *lists).code == 0


UNKNOWN = [
    ("[scan]\n\njob = 3\n", "unknown key in '{}' line 3: 'scan.job'", "did you mean 'jobs'?"),
    ("max-rates = 3\n", "unknown key in '{}' line 1: 'max-rates'", "did you mean 'max-rate'"),
    ("max_rate = 3\n", "unknown key in '{}' line 1: 'max_rate'", "did you mean 'max-rate'"),
    ("quiet = true\n[scam]\njobs = 3\n", "unknown section in '{}' line 2: 'scam'", "did you mean 'scan'?"),
    (
        '[scan]\nnote = """\njob = 1\n"""\ndays = 3\n',
        "unknown key in '{}' line 5: 'scan.days'",
        "see 'hashaudit COMMAND",
    ),
    ("[scan]\nconfig = 'other'\n", "unknown key in '{}' line 2: 'scan.config'", "see 'hashaudit COMMAND --help'"),
    ("[scan]\nroots = ['/']\n", "unknown key in '{}' line 2: 'scan.roots'", "see 'hashaudit COMMAND --help'"),
    ("[scan.jobs]\nx = 1\n", "unknown section in '{}' line 1: 'scan.jobs'", "see 'hashaudit COMMAND --help'"),
]


@pytest.mark.parametrize("case", UNKNOWN, ids=[text for text, _, _ in UNKNOWN])
def test_unknown_keys_are_errors_with_line(
    case: tuple[str, str, str], hashaudit: Tool, tmp_path: Path, lists: list[str | Path]
) -> None:
    text, message, hint = case
    path = configured(hashaudit, text)
    found = refused(hashaudit("scan", tmp_path, *lists))
    assert found[0] == message.format(path)
    assert found[1].startswith(hint)


INVALID = [
    ("[scan]\njobs = 'two'\n", "invalid jobs in '{}' line 2: 'two'; must be a number"),
    ("[scan]\njobs = 2.5\n", "invalid jobs in '{}' line 2: '2.5'; must be a valid integer"),
    ("[scan]\njobs = true\n", "invalid jobs in '{}' line 2: 'true'; must be a number"),
    ("[scan]\nquiet = 'yes'\n", "invalid quiet in '{}' line 2: 'yes'; must be true or false"),
    ("[scan]\nmax-rate = 'fast'\n", "invalid max-rate in '{}' line 2: 'fast'; must be a number of bytes"),
    ("[scan]\nmax-rate = true\n", "invalid max-rate in '{}' line 2: 'true'; must be a string"),
    ("[scan]\nrecord = 'some'\n", "invalid record in '{}' line 2: 'some'; must be one of findings, all"),
    ("[scan]\nexclude = [1]\n", "invalid exclude in '{}' line 2: '1'; must be a string or an array of strings"),
    ("[scan]\ncase = 17\n", "invalid case in '{}' line 2: '17'; must be a string"),
    ("[scan]\ncase = ['a']\n", "invalid case in '{}' line 2: '['a']'; must be a string"),
    ("[scan\n", "invalid configuration file: '{}'; Expected ']' at the end of a table declaration (at line 1"),
]


@pytest.mark.parametrize(("text", "message"), INVALID, ids=[text for text, _ in INVALID])
def test_wrong_types_are_errors(
    text: str, message: str, hashaudit: Tool, tmp_path: Path, lists: list[str | Path]
) -> None:
    path = configured(hashaudit, text)
    words = [word for word in lists if word != "-q"]
    assert refused(hashaudit("scan", tmp_path, *words))[0].startswith(message.format(path))


@pytest.mark.parametrize(
    "case",
    [
        ("HASHAUDIT_JOBS", "many", "invalid HASHAUDIT_JOBS: 'many'; must be a valid integer"),
        ("HASHAUDIT_QUIET", "maybe", "invalid HASHAUDIT_QUIET: 'maybe'; must be true or false"),
        ("HASHAUDIT_MAX_DISTANCE", "pdq", "invalid HASHAUDIT_MAX_DISTANCE: 'pdq'; must be ALGO=N"),
    ],
)
def test_invalid_variables_are_errors(
    case: tuple[str, str, str], hashaudit: Tool, tmp_path: Path, make_list: Any
) -> None:
    variable, value, message = case
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--unsigned", env={variable: value})
    assert refused(result)[0].startswith(message)


def test_a_limit_names_the_place_of_its_value(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    result = hashaudit("scan", tmp_path, "--list", make_list(b"x"), "--unsigned", env={"HASHAUDIT_JOBS": "0"})
    assert refused(result) == ("invalid --jobs: '0'; must be from 1 to 1024", "--jobs is HASHAUDIT_JOBS")


def test_a_mistyped_variable_is_reported(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    mistyped = {"HASHAUDIT_MAXRATE": "1M", "HASHAUDIT_DAYS": "1"}
    result = hashaudit("scan", tmp_path, *lists, "--no-quiet", env=mistyped)
    assert result.code == 0
    said = "hashaudit: warning: unknown variable 'HASHAUDIT_MAXRATE' is ignored; did you mean 'HASHAUDIT_MAX_RATE'?\n"
    assert result.err.startswith(said)
    assert "HASHAUDIT_DAYS" not in result.err
    # With -q it is shown only beside a reason for an exit code.
    assert hashaudit("scan", tmp_path, *lists, env=mistyped).err == ""
    assert said in hashaudit("scan", tmp_path, *lists, "--min-files", "1000", env=mistyped).err
    # Kubernetes sets such variables for a service with this name.
    other = {"HASHAUDIT_SCHEDULER_PORT": "tcp://10.0.0.1:8786", "HASHAUDIT_SCHEDULER_SERVICE_HOST": "10.0.0.1"}
    assert hashaudit("scan", tmp_path, *lists, env=other).err == ""


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(
    mode: int, hashaudit: Tool, tmp_path: Path, lists: list[str | Path]
) -> None:
    path = configured(hashaudit, "[scan]\npath-style = true\n")
    path.chmod(mode)
    message, hint = refused(hashaudit("scan", tmp_path, *lists))
    assert message == NOT_USED.format(path)
    assert hint == f"run chmod go-w '{path}', or name the file with --config"
    assert hashaudit("scan", tmp_path, *lists, "--config", path).code == 0, "the user names it"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    path = configured(hashaudit, "[scan]\npath-style = true\n")
    os.chown(path, 12345, -1)
    message, hint = refused(hashaudit("scan", tmp_path, *lists))
    assert message == NOT_USED.format(path)
    assert "--config" in hint
    os.chown(path, os.geteuid(), -1)
    path.parent.chmod(0o777)
    message, _ = refused(hashaudit("scan", tmp_path, *lists))
    assert message.endswith(f"other users may replace it, because they may write '{path.parent}'")


def test_the_file_is_found_by_its_variable(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    elsewhere = tmp_path / "xdg" / "hashaudit" / "config.toml"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text("[scan]\ncase = 'xdg'\n")
    elsewhere.chmod(stat.S_IRUSR)
    stated = tmp_path / "stated.toml"
    stated.write_text("[scan]\ncase = 'stated'\n")
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert hashaudit("scan", tmp_path, *lists, env=environment).lines[0]["case"] == "xdg"
    environment["HASHAUDIT_CONFIG"] = str(stated)
    header = hashaudit("scan", tmp_path, *lists, env=environment).lines[0]
    assert (header["case"], header["config_file"]) == ("stated", str(stated))


def test_a_stated_file_has_to_be_there(hashaudit: Tool, tmp_path: Path, lists: list[str | Path]) -> None:
    gone = tmp_path / "gone.toml"
    message, _ = refused(hashaudit("scan", tmp_path, *lists, "--config", gone))
    assert message == f"cannot read the configuration file: '{gone}'; No such file or directory"
    assert hashaudit("scan", tmp_path, *lists, "--config", "/dev/null").code == 0


def test_secrets_are_never_recorded(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    passphrase = tmp_path / "hunter2-file"
    passphrase.write_text("hunter2\n")
    key, output, tree = tmp_path / "key", tmp_path / "out", tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"y")
    assert hashaudit("keys", "new", key, "--passphrase-file", passphrase).code == 0
    configured(hashaudit, "[scan]\nscheduler = 'tcp://user:hunter2@host:1'\nexecutor = 'local'\n")
    words = ("scan", tree, "--list", make_list(b"x"), "--key", key, f"--passphrase-file={passphrase}", "-o", output)
    environment = {"HASHAUDIT_ENDPOINT_URL": "http://user:hunter2@host/?sig=hunter2", "HASHAUDIT_SCHEDULER": ""}
    result = hashaudit(*words, "--config", "/dev/null", env=environment)
    assert result.code == 0, result.err
    text = output.read_text()
    assert "hunter2" not in text
    header = json.loads(text.splitlines()[0])
    assert header["config"]["endpoint_url"] == "http://***@host/?sig=***"
    assert header["config_sources"]["endpoint_url"] == "environment"
    assert "--passphrase-file=***" in header["argv"]
    assert not {"passphrase_file", "passphrase_fd", "key"} & {*header["config"], *header["config_sources"]}


def test_exclusive_options_from_several_places(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    words = ("scan", tmp_path, "--list", make_list(b"x"), "-q")
    environment = {"HASHAUDIT_KEY": str(tmp_path / "gone")}
    assert hashaudit(*words, "--unsigned", env=environment).lines[0]["key_fingerprint"] is None
    assert hashaudit(*words, env=environment | {"HASHAUDIT_UNSIGNED": "1"}).code == 2
    assert hashaudit("keys", "new", tmp_path / "key").code == 0
    signed = hashaudit(*words, "--key", tmp_path / "key", env={"HASHAUDIT_UNSIGNED": "1"})
    assert signed.lines[0]["key_fingerprint"] is not None


def test_other_commands_read_their_options_too(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    (tmp_path / "file").write_bytes(b"x")
    environment = {"HASHAUDIT_ALGORITHM": "md5,sha1", "HASHAUDIT_FORMAT": "csv"}
    result = hashaudit("hash", tmp_path / "file", "-q", env=environment)
    assert result.out.splitlines()[0] == b"path,size,frame,quality,md5,sha1"
    index = tmp_path / "i"
    assert hashaudit("lists", "build", make_list(b"x"), env={"HASHAUDIT_OUTPUT": str(index)}).code == 0
    assert index.exists()
    assert hashaudit("lists", "export", index, "-o", tmp_path / "e", env={"HASHAUDIT_SHOW_ENTRIES": "true"}).code == 0


def test_a_resume_keeps_the_options_of_its_scan(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    tree, output = tmp_path / "tree", tmp_path / "out"
    make_tree(tree, 2500)
    words = [
        "scan",
        tree,
        "--list",
        make_list(b"x"),
        "--record",
        "all",
        "--unsigned",
        "--case",
        "17",
        *SLOW,
        "-o",
        output,
    ]
    interrupt(hashaudit, *words, when=lambda: output.exists() and output.read_bytes().count(b"\n") > 15)
    configured(hashaudit, "[scan]\nrecord = 'findings'\nmax-rate = '100G'\n")
    environment = {"HASHAUDIT_FOLLOW_LINKS": "1", "HASHAUDIT_CASE": "18", "HASHAUDIT_OUTPUT": str(tmp_path / "other")}
    result = hashaudit("scan", "--resume", output, "--unsigned", "--max-rate", "1G", env=environment)
    assert result.code == 0, result.err
    assert "complete" not in result.err
    assert "not used: " in result.err
    for label in ("HASHAUDIT_FOLLOW_LINKS", "HASHAUDIT_CASE", "record in "):
        assert label in result.err
    assert not (tmp_path / "other").exists()
    lines = [json.loads(line) for line in output.read_bytes().splitlines()]
    found = {line["entry"]["path"] for line in lines if line["kind"] == "file"}
    assert found == {str(path) for path in tree.rglob("*") if path.is_file()}


def test_a_resume_with_roots_is_compared_with_what_is_in_force(hashaudit: Tool, tmp_path: Path, make_list: Any) -> None:
    tree, output = tmp_path / "tree", tmp_path / "out"
    make_tree(tree, 2500)
    words = ["scan", tree, "--list", make_list(b"x"), "--record", "all", "--unsigned"]
    interrupt(
        hashaudit, *words, *SLOW, "-o", output, when=lambda: output.exists() and output.read_bytes().count(b"\n") > 15
    )
    result = hashaudit(*words, "--resume", output, env={"HASHAUDIT_FOLLOW_LINKS": "1"})
    assert result.code == 2
    assert "another setting of follow_links" in result.err
    assert hashaudit(*words, "--resume", output).code == 0
