"""Asks botocore for credentials of profiles, roles and machines, and for the rules of endpoints.

It takes long to load, so it is loaded only where the environment does not give everything.
"""

from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from hashaudit.errors import HostError
from hashaudit.model.faults import FaultCode
from hashaudit.objectstores.interface import StoreError, StoreOptions
from hashaudit.objectstores.store_endpoint import AMAZON_HOSTS


class BotocoreChain:
    """Credentials and settings through botocore's standard chain. May be used by several threads.

    Args:
        options: the user's.

    Raises:
        HostError: credentials are missing, or the configuration is unusable.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._clients: dict[tuple[str, str], Any] = {}
        self._is_path_style = options.path_style or options.endpoint_url is not None
        try:
            self._session = botocore.session.get_session()
            self.region: str | None = self._session.get_config_variable("region")
            self.ca_bundle: str | None = self._session.get_config_variable("ca_bundle")
            self._credentials = self._session.get_credentials()
        except (BotoCoreError, ValueError) as error:
            raise HostError(f"cannot use S3; {error}") from error
        if self._credentials is None:
            raise HostError(
                "no credentials for S3", hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
            )

    def keys(self) -> tuple[str, str, str | None]:
        """Returns access key, secret key and token, renewed if they have expired.

        Raises:
            StoreError: they cannot be renewed.
        """
        try:
            keys = self._credentials.get_frozen_credentials()
        except (BotoCoreError, HTTPError) as error:
            message = f"the credentials cannot be renewed: {type(error).__name__}"
            raise StoreError(FaultCode.IO_ERROR, message, transient=True) from error
        return keys.access_key, keys.secret_key, keys.token

    def base_url(self, bucket: str, region: str) -> str:
        """Returns where the objects of a bucket are.

        Raises:
            HostError: there is no endpoint for such a bucket.
        """
        client = self._client(region)
        if not self._is_path_style and (urlsplit(client.meta.endpoint_url).hostname or "").endswith(AMAZON_HOSTS):
            # With the style "auto", its URLs are those of the endpoint for all regions, which may redirect.
            client = self._client(region, "virtual")
        try:
            # Only the client knows the rules for endpoints. A URL that it makes shows the endpoint of this bucket.
            url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        except (BotoCoreError, ValueError) as error:
            raise HostError(f"cannot use S3; {error}") from error
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.removesuffix('/k')}"

    def endpoint(self, region: str) -> str:
        """Returns the URL of the service.

        Raises:
            HostError: there is none.
        """
        return str(self._client(region).meta.endpoint_url).rstrip("/")

    def partition(self, region: str) -> str:
        """Returns the partition of Amazon's regions that has a region.

        Raises:
            HostError: there is no endpoint for it.
        """
        return str(self._client(region).meta.partition)

    def _client(self, region: str, style: str = "auto") -> Any:
        style = "path" if self._is_path_style else style
        client = self._clients.get((region, style))
        if client is None:
            config = Config(s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"})
            try:
                client = self._clients[region, style] = self._session.create_client(
                    "s3", region_name=region, endpoint_url=self._options.endpoint_url, config=config
                )
            except (BotoCoreError, ValueError) as error:
                raise HostError(f"cannot use S3; {error}") from error
        return client
