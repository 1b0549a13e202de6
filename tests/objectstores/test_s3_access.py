"""The settings that are found without botocore are those that botocore finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from hashaudit.errors import HostError
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.objectstores.s3_access import S3Access, amazon_base, environment_keys, proxy_for
from hashaudit.objectstores.s3_botocore import BotocoreChain
from object_store import CREDENTIALS

BUCKETS = ["bucket", "a.dotted.name", "Capitals", "under_score", "abc", "a-1-b", "x" * 63, "x" * 64, "end-", "a--b"]
OTHERS = ["xn--bucket", "name--x-s3", "alias-s3alias", "sthree-x"]
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AWS_PROFILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ENDPOINT_URL",
        "AWS_SESSION_TOKEN",
        "AWS_CA_BUNDLE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1"])
def test_endpoints_of_amazon_are_those_of_botocore(region: str) -> None:
    for path_style in (False, True):
        chain = BotocoreChain(StoreOptions(path_style=path_style))
        for bucket in BUCKETS:
            assert amazon_base(bucket, region, path_style=path_style) == chain.base_url(bucket, region), bucket
        assert [name for name in OTHERS if amazon_base(name, region, path_style=path_style)] == []


@pytest.mark.parametrize("region", ["aws-global", "moon", "", "us-east-1\n"])
def test_a_region_of_no_partition_is_left_to_botocore(region: str) -> None:
    assert amazon_base("bucket", region, path_style=False) is None


def test_a_service_of_amazon_is_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    assert S3Access(StoreOptions()).service == "aws"
    assert S3Access(StoreOptions("https://s3.eu-west-1.amazonaws.com")).service == "aws"
    assert S3Access(StoreOptions("http://u:secret@store.test/x/")).service == "http://store.test/x"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other.test/")
    access = S3Access(StoreOptions())
    assert access.service == "http://other.test"
    assert access.site("bucket", "us-east-1").base_url == BotocoreChain(StoreOptions()).base_url("bucket", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert S3Access(StoreOptions()).service == "aws-cn"


@pytest.mark.parametrize(
    ("more", "keys"),
    [
        ({}, ("id", "secret", None)),
        ({"AWS_SESSION_TOKEN": "token"}, ("id", "secret", "token")),
        ({"AWS_SECURITY_TOKEN": "old", "AWS_SESSION_TOKEN": "token"}, ("id", "secret", "old")),
        ({"AWS_ACCESS_KEY_ID": ""}, None),
        ({"AWS_SECRET_ACCESS_KEY": ""}, None),
        ({"AWS_PROFILE": "work"}, None),
        ({"AWS_DEFAULT_PROFILE": "work"}, None),
        ({"AWS_CREDENTIAL_EXPIRATION": "2026-11-21T12:00:00Z"}, None),
        ({"AWS_CONFIG_FILE": __file__}, None),
        ({"AWS_SHARED_CREDENTIALS_FILE": __file__}, None),
    ],
)
def test_keys_of_the_environment(more: dict[str, str], keys: tuple[str, str, str | None] | None) -> None:
    assert environment_keys({**KEYS, **more}) == keys


def test_a_profile_gives_what_the_environment_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile work]\nregion = eu-central-1\nca_bundle = /opt/ca.pem\n"
        "aws_access_key_id = other\naws_secret_access_key = word\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "work")
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    access = S3Access(StoreOptions())
    assert (access.keys(), access.region, access.certificates) == (
        ("other", "word", None),
        "eu-central-1",
        "/opt/ca.pem",
    )
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(HostError, match="missing"):
        S3Access(StoreOptions())


def test_without_a_secret_the_keys_are_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(HostError, match="Partial credentials"):
        S3Access(StoreOptions())


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://a.test", ""),
        ({"https_proxy": "http://p:1"}, "https://a.test", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://a.test", "http://p:1"),
        ({"https_proxy": "http://p:1"}, "http://a.test", ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, "https://a.test", ""),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https://a.test", ""),
        ({"all_proxy": "http://p:1"}, "https://a.test", ""),
    ],
)
def test_proxies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_a_plain_environment_loads_no_slow_library() -> None:
    code = (
        "import sys; from hashaudit.objectstores.interface import StoreOptions;"
        "from hashaudit.objectstores.store_registry import load_client, open_store; load_client('s3');"
        "store = open_store('s3', StoreOptions('http://store.test')); store.site;"
        "print(sorted({'botocore', 'urllib3', 'awscrt', 'ssl', 'http', 'certifi', 'json'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
