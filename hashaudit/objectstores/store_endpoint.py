"""The endpoint of a store as options and environment name it, so that two scans can be compared."""

import os
from collections.abc import Mapping

from hashaudit.model.secret_masking import mask_secrets
from hashaudit.objectstores.interface import StoreOptions

_S3_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""In the order of the AWS SDKs' reference, "Service-specific endpoints"."""

AMAZON_HOSTS = (".amazonaws.com", ".amazonaws.com.cn")
"""Ends of the names of Amazon's servers."""


def endpoint_of(scheme: str, options: StoreOptions, environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the endpoint without secrets; ``None``: the provider's own, or one of its configuration files."""
    named = options.endpoint_url
    if named is None and scheme == "s3":
        named = next((environment[name] for name in _S3_VARIABLES if environment.get(name)), None)
    elif named is None:
        named = _azure(environment)
    return None if named is None else mask_secrets(named).rstrip("/")


def _azure(environment: Mapping[str, str]) -> str | None:
    connection = environment.get("AZURE_STORAGE_CONNECTION_STRING")
    if connection is not None:
        parts = dict(part.partition("=")[::2] for part in connection.split(";"))
        account = parts.get("AccountName")
        return parts.get("BlobEndpoint") or (account and f"{account}.blob.{parts.get('EndpointSuffix', '')}")
    account = environment.get("AZURE_STORAGE_ACCOUNT")
    return f"https://{account}.blob.core.windows.net" if account else None
