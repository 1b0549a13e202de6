import pytest

from hashaudit.objectstores.interface import StoreOptions
from hashaudit.objectstores.store_endpoint import endpoint_of

CONNECTION = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"


@pytest.mark.parametrize(
    ("scheme", "option", "environment", "endpoint"),
    [
        ("s3", None, {}, None),
        ("s3", "https://a.example/", {"AWS_ENDPOINT_URL": "https://b.example"}, "https://a.example"),
        ("s3", None, {"AWS_ENDPOINT_URL": "https://b.example"}, "https://b.example"),
        ("s3", None, {"AWS_ENDPOINT_URL": "https://b", "AWS_ENDPOINT_URL_S3": "https://c"}, "https://c"),
        ("s3", None, {"AZURE_STORAGE_ACCOUNT": "acc"}, None),
        ("az", None, {"AZURE_STORAGE_ACCOUNT": "acc"}, "https://acc.blob.core.windows.net"),
        ("az", None, {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}, "acc.blob.core.windows.net"),
        (
            "az",
            None,
            {"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=http://h:1/acc;AccountKey=eA=="},
            "http://h:1/acc",
        ),
        ("az", "http://h/x", {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION}, "http://h/x"),
        ("az", None, {}, None),
    ],
)
def test_the_endpoint_is_what_options_and_environment_name(
    scheme: str, option: str | None, environment: dict[str, str], endpoint: str | None
) -> None:
    assert endpoint_of(scheme, StoreOptions(option), environment) == endpoint


def test_no_secret_is_part_of_an_endpoint() -> None:
    shown = endpoint_of("s3", StoreOptions("https://user:secret@host/?X-Amz-Signature=secret"), {})
    assert shown is not None
    assert "secret" not in shown
