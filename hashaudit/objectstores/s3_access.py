"""Where the objects of S3 are and with which credentials: the settings of the AWS tools.

Botocore finds them, except where the environment alone gives them: there, loading botocore would take longer than the
rest of a start. A test compares what both find.

Source: AWS SDKs and Tools Reference Guide, "Environment variables"; Amazon S3 User Guide, "Virtual hosting of buckets".
"""

import functools
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from hashaudit.errors import HostError
from hashaudit.lazy import lazy_pattern
from hashaudit.objectstores.interface import StoreOptions
from hashaudit.objectstores.store_endpoint import AMAZON_HOSTS

if TYPE_CHECKING:
    from hashaudit.objectstores.s3_botocore import BotocoreChain

FALLBACK_REGION = "us-east-1"
"""The region that compatible stores expect in signatures unless configured otherwise."""

Keys = tuple[str, str, str | None]
"""Access key, secret key, session token."""

_PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
_ENDPOINT_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
)
"""These choose another endpoint. Only botocore knows the rules for all of them."""

_TOKEN_VARIABLES = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
_HOST_LABEL = lazy_pattern(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]\Z")
"""A bucket name that can be a label of a host name for which a certificate with a wildcard is valid."""

_RESERVED = lazy_pattern(r"(?:xn--|sthree-|amzn-s3-demo-)|.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)\Z")
"""Names of access points and directory buckets, whose endpoints are others."""

_HOST = lazy_pattern(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?\Z|[0-9A-Fa-f:.]+\Z")


class S3Site(msgspec.Struct, frozen=True):
    """Where the objects of a bucket are."""

    base_url: str
    """Without a slash at the end."""
    region: str
    """For signatures."""
    proxy: str = ""
    """URL of the proxy; empty: none."""


class S3Access:
    """Settings for S3. May be used by several threads.

    Args:
        options: the user's.

    Raises:
        HostError: credentials are missing, or the configuration is unusable.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._endpoint = None if options.endpoint_url is None else endpoint_base(options.endpoint_url)
        keys = environment_keys(os.environ)
        self._chain: BotocoreChain | None = None
        if keys is None:
            self._chain = _chain(options)
            region, bundle, self._keys = self._chain.region, self._chain.ca_bundle, self._chain.keys
        else:
            found: Keys = keys
            region, bundle = os.environ.get("AWS_DEFAULT_REGION"), os.environ.get("AWS_CA_BUNDLE")
            self._keys = lambda: found
        self.region = region or FALLBACK_REGION
        """The configured one."""
        self._bundle = bundle or os.environ.get("REQUESTS_CA_BUNDLE")

    @property
    def has_endpoint(self) -> bool:
        """True if the user gave one."""
        return self._endpoint is not None

    @property
    def service(self) -> str:
        """The place in which names of buckets are unique: a partition of Amazon's regions, or the URL of an endpoint.

        Raises:
            HostError: there is no endpoint for the region.
        """
        endpoint = self._endpoint
        if endpoint is None and (self._chain is not None or _has_any(_ENDPOINT_VARIABLES)):
            endpoint = self._botocore().endpoint(self.region)
        if endpoint is not None and not (urlsplit(endpoint).hostname or "").endswith(AMAZON_HOSTS):
            return endpoint
        partition = _partition(self.region)
        return self._botocore().partition(self.region) if partition is None else str(partition["id"])

    @functools.cached_property
    def certificates(self) -> str:
        """File or directory of the trusted certificates."""
        return self._bundle or trusted_certificates()

    def keys(self) -> Keys:
        """Returns the credentials. Asked for at each request, because this renews expired ones.

        Raises:
            StoreError: they cannot be renewed.
        """
        return self._keys()

    def site(self, bucket: str, region: str) -> S3Site:
        """Returns where the objects of a bucket are.

        Raises:
            HostError: there is no endpoint for such a bucket.
        """
        if self._endpoint is not None and not _has_any(_ENDPOINT_VARIABLES[2:]):
            base = f"{self._endpoint}/{bucket}"
        else:
            base = self._own_base(bucket, region) or self._botocore().base_url(bucket, region)
        return S3Site(base, region, proxy_for(base))

    def _own_base(self, bucket: str, region: str) -> str | None:
        if self._chain is not None or _has_any(_ENDPOINT_VARIABLES):
            return None
        return amazon_base(bucket, region, path_style=self._options.path_style)

    def _botocore(self) -> "BotocoreChain":
        if self._chain is None:
            self._chain = _chain(self._options)
        return self._chain


def load_chain() -> None:
    """Loads botocore if the environment does not give everything."""
    if environment_keys(os.environ) is None:
        importlib.import_module("hashaudit.objectstores.s3_botocore")


def environment_keys(environment: Mapping[str, str]) -> Keys | None:
    """Returns the credentials if the environment alone gives all settings; ``None``: botocore has to find them."""
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret or environment.get("AWS_CREDENTIAL_EXPIRATION"):
        return None
    if any(environment.get(name) for name in _PROFILE_VARIABLES):
        return None
    if any(os.path.exists(os.path.expanduser(environment.get(name, path))) for name, path in _FILES):
        return None
    return access, secret, next((environment[name] for name in _TOKEN_VARIABLES if name in environment), None)


def endpoint_base(url: str) -> str:
    """Returns the URL of a user's endpoint as requests begin: without user name, password and final slash.

    Raises:
        HostError: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        is_valid = _is_endpoint(parts) and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        is_valid = False
    if not is_valid:
        raise HostError("cannot use S3; invalid endpoint", hint="write http://HOST:PORT or https://HOST")
    return without_password(urlsplit(url))


def _is_endpoint(parts: SplitResult) -> bool:
    """Returns whether a URL can be that of a service.

    Raises:
        ValueError: its port is not a number.
    """
    _ = parts.port
    is_host = _HOST.match(parts.hostname or "") is not None
    return is_host and parts.scheme in {"http", "https"} and not parts.query and not parts.fragment


def without_password(parts: SplitResult) -> str:
    """Returns a URL without user name, password and final slash."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def amazon_base(bucket: str, region: str, *, path_style: bool) -> str | None:
    """Returns where Amazon serves the objects of a bucket; ``None``: only botocore knows."""
    partition = _partition(region)
    if partition is None or _RESERVED.match(bucket):
        return None
    suffix = partition["outputs"]["dnsSuffix"]
    if not path_style and _HOST_LABEL.match(bucket):
        return f"https://{bucket}.s3.{region}.{suffix}"
    return f"https://s3.{region}.{suffix}/{bucket}"


def proxy_for(url: str) -> str:
    """Returns the proxy of the environment for a URL; empty: none."""
    names = {name.lower() for name, value in os.environ.items() if value and name.lower().endswith("_proxy")}
    if not names & {"http_proxy", "https_proxy"} and sys.platform != "darwin":
        return ""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 # slow to import, and few have a proxy

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return ""
    proxy = getproxies().get(parts.scheme, "")
    if not proxy:
        return ""
    return proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}"


def trusted_certificates() -> str:
    """Returns the file of certificates that botocore trusts.

    Raises:
        ModuleNotFoundError: botocore is not installed.
    """
    try:
        from certifi import where  # noqa: PLC0415 # optional, as it is to botocore
    except ModuleNotFoundError:
        return os.path.join(_botocore_folder(), "cacert.pem")
    return str(where())


@functools.cache
def _partition(region: str) -> dict[str, Any] | None:
    """Returns what botocore's files say of the partition of a region; ``None``: only botocore's code knows it."""
    if "-" not in region or not region.isascii() or region.startswith("aws-"):
        return None
    try:
        with open(os.path.join(_botocore_folder(), "data", "partitions.json"), "rb") as file:
            partitions = msgspec.json.decode(file.read())["partitions"]
        return next((one for one in partitions if re.fullmatch(one["regionRegex"], region, re.ASCII)), None)
    except (KeyError, OSError, ValueError):
        return None


def _botocore_folder() -> str:
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'botocore'", name="botocore")
    return os.path.dirname(spec.origin)


def _has_any(names: tuple[str, ...]) -> bool:
    return any(os.environ.get(name) for name in names)


def _chain(options: StoreOptions) -> "BotocoreChain":
    from hashaudit.objectstores.s3_botocore import BotocoreChain  # noqa: PLC0415 # slow to import

    return BotocoreChain(options)
