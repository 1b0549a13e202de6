"""Secrets in command lines, addresses and messages: none stays, and ordinary names do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.model.secret_masking import MASK, mask_address, mask_arguments, mask_message, mask_secrets

SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=6, max_size=30).filter(
    lambda text: "*" not in text
)
"""Everything that can be typed in one word."""

SCHEMES = st.sampled_from(["http", "https", "tcp", "tls", "HTTP", "socks5h", "amqp+ssl"])


NAMES = """
    AccountKey accountkey SharedAccessKey SharedAccessSignature sig signature token access_token X-Amz-Signature
    X-Amz-Security-Token X-Amz-Credential X-Goog-Signature client_secret aws_secret_access_key password PWD passphrase
    api_key api-key apikey subscription-key sas_token AWSAccessKeyId
"""


def leaks(masked: str, secret: str, frame: str) -> bool:
    """Whether five characters in a row of a secret are left that are not in the frame around it too."""
    parts = (secret[place : place + 5] for place in range(len(secret) - 4))
    return any(part in masked and part not in frame + MASK for part in parts)


@given(SCHEMES, SECRETS)
def test_no_part_of_a_password_stays(scheme: str, password: str) -> None:
    for frame in (f"{scheme}://user:\0@h", f"{scheme}://\0@h:9000/p?x=y", f"{scheme}://u:\0@h/a@b"):
        url = frame.replace("\0", password)
        option = f"--endpoint-url={url}"
        for masked in (mask_secrets(url), mask_address(url), *mask_arguments([url, option])):
            assert not leaks(masked, password, f"--endpoint-url={frame}"), masked
    for frame in ("user:\0@h:8786", "\0@h"):
        address = frame.replace("\0", password)
        assert not leaks(mask_address(address), password, frame)
        assert not leaks(mask_arguments(["-q", "--scheduler", address])[2], password, frame)


@pytest.mark.parametrize(
    "name",
    NAMES.split(),
)
@given(value=SECRETS.filter(lambda text: not set(text) & set(";&\"'")))
def test_no_part_of_a_secret_parameter_stays(name: str, value: str) -> None:
    for frame in (
        f"https://h/p?{name}=\0",
        f"https://h/p?a=b&{name}=\0&c=d",
        f"{name}=\0",
        f"AccountName=a;{name}=\0;EndpointSuffix=core.windows.net",
        f"BlobEndpoint=https://h/;{name}=\0;x=me@h",
        f"?sv=2022-11-02&{name}=\0",
        f"--endpoint-url=https://h/?{name}=\0",
        f"az://container/p?{name}=\0",
    ):
        word = frame.replace("\0", value)
        [masked] = mask_arguments([word])
        assert "***" in masked
        assert not leaks(masked, value, frame), masked
        assert not leaks(mask_secrets(word), value, frame)


def test_a_shared_access_signature_is_masked_with_all_that_it_holds() -> None:
    inner = "sv=2022-11-02&ss=b&se=2030-01-01&sig=abc%2Bdef%3D"
    connection = f"BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature={inner};x=y"
    assert mask_secrets(connection) == "BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=***;x=y"
    assert "abc" not in mask_secrets(f"https://a.blob.core.windows.net/c?{inner}")
    assert "abc" not in mask_secrets(f"?{inner}")
    assert "abc" not in mask_message(f"cannot use 'https://a.blob.core.windows.net/c?{inner}'; refused")
    assert "hunter2" not in mask_message("cannot use 'AccountName=a;AccountKey=hunter2==;x=y'; refused")


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://user:p@ss@h", "http://***@h"),
        ("http://user:pa/ss@h", "http://***@h"),
        ("http://user:p?a#s@h:9000/b", "http://***@h:9000/b"),
        ("http://user@h", "http://***@h"),
        ("--endpoint-url=http://u:p@h", "--endpoint-url=http://***@h"),
        ("s3://KEY:sec/ret@bucket/prefix", "s3://***@bucket/prefix"),
        ("http://h/?key=abc", "http://h/?key=***"),
    ],
)
def test_what_is_no_secret_stays_readable(url: str, masked: str) -> None:
    assert mask_secrets(url) == masked


@pytest.mark.parametrize(
    "word",
    [
        "s3://bucket/mail/me@example.com/token",
        "az://container/a@b",
        "/mnt//me@example.com/x",
        "/evidence/a:b@c",
        "--key=/home/me/.config/hashaudit/signing_key",
        "--passphrase-file=/run/secret",
        "sha256=list.txt",
        "http://h:9000/path?x=y",
        "tls://scheduler:8786",
        "--max-distance=pdq=31",
    ],
)
def test_ordinary_words_stay_as_they_are(word: str) -> None:
    assert mask_arguments([word]) == (word,)
    assert mask_message(f"cannot read '{word}'; cause") == f"cannot read '{word}'; cause"


def test_columns_and_file_names_stay() -> None:
    words = ("scan", "--column-map", "signature=label", "--column-map=token=md5", "--list", "x")
    assert mask_arguments(words) == words
    assert mask_message("cannot read '/data/token=abc'") == "cannot read '/data/token=abc'"
