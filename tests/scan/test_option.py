"""The table of options: complete, without repeats, and the source of the header and of the comparison of scans."""

from typing import Annotated, Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.record.header import ConfigSource, RunHeader
from hashaudit.scan.config import ExecutorKind, RecordScope, ScanConfig
from hashaudit.scan.option import Group, Option, Origin, Resume, options_of, settings_with
from hashaudit.scan.option_values import algorithm_names, bytes_amount, column_mapping, deny_list, max_distance
from hashaudit.scan.resume.compatibility import free_settings
from hashaudit_cli.command import all_options, commands_of
from hashaudit_cli.commands import COMMAND_MODULES

CONFIG = options_of(ScanConfig)


def test_every_field_has_an_option() -> None:
    assert [one.field for one in CONFIG] == [field.name for field in msgspec.structs.fields(ScanConfig)]


def test_a_field_without_an_option_is_refused() -> None:
    class Table(msgspec.Struct):
        bare: int = 0

    with pytest.raises(TypeError, match=r"Table\.bare needs one Option"):
        options_of(Table)


def test_names_are_unique_in_every_command_and_mean_one_thing() -> None:
    commands = all_options()
    assert {words.split()[0] for words in commands} == set(COMMAND_MODULES)
    shapes: dict[str, set[Any]] = {}
    for words, options in commands.items():
        for names in (
            [one.name for one in options],
            [one.field for one in options],
            [one.option.short for one in options if one.option.short],
        ):
            assert len(names) == len(set(names)), words
        for one in options:
            if not one.option.argument:
                shapes.setdefault(one.setting, set()).add((one.is_flag, one.option.short))
    # One name has one meaning in the environment and in the file, whatever the command.
    assert {name: shape for name, shape in shapes.items() if len(shape) > 1} == {}


def test_every_help_is_one_paragraph_of_sentences() -> None:
    for words, options in all_options().items():
        for one in options:
            assert one.option.help.endswith("."), (words, one.name)
            assert one.option.help[0].isupper(), (words, one.name)


def test_header_names_are_unique_and_fields_of_the_header_exist() -> None:
    recorded = [one.header for one in CONFIG if one.option.in_config]
    assert len(recorded) == len(set(recorded))
    fields = {field.name for field in msgspec.structs.fields(RunHeader)}
    noted = settings_with(ScanConfig, Resume.NOTE, in_config=False)
    assert noted == {"case", "exhibit", "examiner", "note"}
    assert noted <= fields


def test_what_a_resume_and_shards_may_change() -> None:
    assert free_settings() - {"origins", "config_file", "pieces", "follows_each_path"} == {
        "allow_different_root",
        "workers",
        "max_rate_bytes_per_s",
        "max_time_s",
        "low_impact",
        "cache_state",
        "executor",
        "scheduler",
        "wait_for_workers_s",
    }
    assert settings_with(ScanConfig, Resume.SHARD) == {"shard", "cache", "cache_verify_percent"}


def test_every_origin_but_the_default_has_a_name_in_the_header() -> None:
    assert {one.value for one in ConfigSource} == {one.value for one in Origin} - {"default"}


def test_options_that_hold_secrets_are_not_settings_of_a_scan() -> None:
    secret = {one.name for options in all_options().values() for one in options if one.option.secret}
    assert secret == {"passphrase-file", "passphrase-fd"}
    assert not any(one.option.secret for one in CONFIG)


def test_the_panels_are_those_of_the_help() -> None:
    assert [group.value for group in Group] == [
        *(
            "Options",
            "Hash lists",
            "File selection",
            "Containers",
            "Images",
            "Selection of records",
            "Output",
            "Performance",
        ),
        *("Object stores", "Cluster", "Case"),
    ]


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """One option of every type."""

    flag: Annotated[bool, Option("flag", "Flag.")] = False
    number: Annotated[int | None, Option("number", "Number.", minimum=1)] = None
    share: Annotated[float, Option("share", "Share.")] = 0.0
    word: Annotated[str | None, Option("word", "Word.")] = None
    raw: Annotated[bytes | None, Option("raw", "Raw.")] = None
    choice: Annotated[RecordScope, Option("choice", "Choice.")] = RecordScope.FINDINGS
    maybe: Annotated[ExecutorKind | None, Option("maybe", "Maybe.")] = None
    words: Annotated[tuple[str, ...], Option("words", "Words.")] = ()
    pairs: Annotated[dict[str, str], Option("pairs", "Pairs.", parse=column_mapping)] = {}


@pytest.mark.parametrize(
    ("field", "texts", "value"),
    [
        ("flag", ["on"], True),
        ("flag", ["False"], False),
        ("number", ["7"], 7),
        ("share", ["0.5"], 0.5),
        ("word", [""], ""),
        ("raw", ["\udcff"], b"\xff"),
        ("choice", ["all"], RecordScope.ALL),
        ("maybe", ["dask"], ExecutorKind.DASK),
        ("words", ["a", "b", "a"], ("a", "b", "a")),
        ("words", [], ()),
        ("pairs", ["a=b", "c=d"], {"a": "b", "c": "d"}),
    ],
)
def test_values_by_type(field: str, texts: list[str], value: object) -> None:
    option = {one.field: one for one in options_of(Values)}[field]
    assert option.parse(texts) == value
    assert type(option.parse(texts)) is type(value)


@pytest.mark.parametrize(
    ("field", "text", "condition"),
    [
        ("flag", "maybe", "must be true or false"),
        ("number", "7.5", "must be a valid integer"),
        ("number", "0", "must be 1 or more"),
        ("share", "much", "must be a valid number"),
        ("choice", "some", "must be one of findings, all"),
        ("pairs", "a", "must be COLUMN=FIELD"),
    ],
)
def test_invalid_values_name_the_condition(field: str, text: str, condition: str) -> None:
    option = {one.field: one for one in options_of(Values)}[field]
    with pytest.raises(ValueError, match=condition):
        option.parse([text])


def condition_of(parse: Any, text: str) -> str:
    """Returns the condition that a text breaks, or ``taken``."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return "taken"


@given(st.text())
def test_amounts_are_bytes_or_refused(text: str) -> None:
    assert condition_of(bytes_amount, text) in {"taken", "must be a number of bytes, such as 50M or 1G"}


@pytest.mark.parametrize("parse", [algorithm_names, column_mapping, deny_list, max_distance])
@given(text=st.text())
def test_no_text_is_a_crash(parse: Any, text: str) -> None:
    assert condition_of(parse, text).startswith(("must ", "taken"))


def test_the_defaults_are_a_configuration_that_the_journal_keeps() -> None:
    config = ScanConfig(roots=(b"/srv",))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(config), type=ScanConfig) == config
    assert all(get_args(field.type) or field.type for field in msgspec.structs.fields(ScanConfig))


def test_every_module_of_commands_declares_some() -> None:
    assert all(commands_of(word) for word in COMMAND_MODULES)
