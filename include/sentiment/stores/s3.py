"""S3 as a deployment configures it, by the standard AWS_* variables: its clients, their patience, their errors.

There are two clients. boto3 lists with times, reads and writes small objects, and asks for a condition, which pyarrow
cannot; pyarrow reads parts of Parquet files and writes them as they grow, which boto3 does not. deltalake has its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from sentiment.core.errors import ContractError, UnavailableError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

# An S3 that is overloaded, or started anew, answers again within a minute or two; the clients' own patience is 4 s of
# deltalake, 2 of pyarrow, 5 of boto3.
BOTO_ATTEMPTS, _ARROW_ATTEMPTS = 16, 12
_DELTA_PATIENCE = {
    "max_retries": "100",
    "retry_timeout": "120s",
    "backoff_config.init_backoff": "500ms",
    "backoff_config.max_backoff": "5s",
    "backoff_config.base": "3",
}
_NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 404, 429, 500
# Refusals that end by themselves: keys that are changed in turn, a clock that is set.
_PASSING = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestTimeTooSkewed"})


def region() -> str | None:
    """Return the region by either of its names; boto3 itself knows AWS_DEFAULT_REGION alone, deltalake both."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def delta_options() -> dict[str, str]:
    """Return what deltalake needs beside the AWS_* variables, which it reads itself; a folder leaves it aside."""
    plain_http = (_endpoint() or "").startswith("http://")
    return _DELTA_PATIENCE | ({"AWS_ALLOW_HTTP": "true"} if plain_http else {})


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// address."""
    # No URL parser: a key may hold what begins a query or a fragment in a URL.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.lstrip("/")


def s3_client(attempts: int | None = None) -> Any:
    """Return this process's client of boto3, configured as a deployment says; patient, unless `attempts` are given.

    Raises ContractError, as the file system and deltalake's options do, where AWS_ENDPOINT_URL is no address.
    """
    return _client(_configured(), attempts or BOTO_ATTEMPTS)


def s3_filesystem() -> FileSystem:
    """Return this process's file system of pyarrow, configured and patient as the client is."""
    return _filesystem(_configured())


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Raise what an error of boto3 means: UnavailableError where another try may help, else ContractError.

    An object that is not there goes on as it is, for callers know what that means.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

    try:
        yield
    except (ConnectionError, HTTPClientError) as error:
        raise UnavailableError(f"the S3 of {uri} does not answer, try again: {error}") from error
    except BotoCoreError as error:
        raise ContractError(
            f"S3 cannot be asked for {uri}: {error}; correct the address or the AWS_* variables"
        ) from error
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response.get("Error", {}).get("Code") == "NoSuchBucket":
            bucket, _ = bucket_and_key(uri)
            raise ContractError(f"there is no bucket {bucket!r}; create it, or correct the address {uri}") from None
        if status == _NOT_FOUND:
            raise
        if status >= _SERVER_ERROR or status == _TOO_MANY or error.response.get("Error", {}).get("Code") in _PASSING:
            raise UnavailableError(f"the S3 of {uri} does not answer as it should, try again: {error}") from error
        raise ContractError(f"S3 refuses {uri}: {error}; correct the AWS_* variables, or what they may do") from error


_Configured = tuple[int, frozenset[tuple[str, str]]]


def _configured() -> _Configured:
    """Return what a client is made for: this process, since a forked one must not share connections, and its S3."""
    _endpoint()
    named = ((name, value) for name, value in os.environ.items() if name.startswith("AWS_") or _is_of_proxy(name))
    return os.getpid(), frozenset(named)


def _endpoint() -> str | None:
    """Return the address of S3, None where that is AWS's; raise ContractError for what is no address."""
    address = os.environ.get("AWS_ENDPOINT_URL")
    if not address:
        # Compose's .env leaves it empty; deltalake, which reads it by itself, would take that for an address.
        os.environ.pop("AWS_ENDPOINT_URL", None)
        return None
    if not _is_address(address):
        raise ContractError(
            "AWS_ENDPOINT_URL is no address; write http://host:8333 or https://host, or leave it empty for AWS's own S3"
        )
    return address


def _is_address(value: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port
        return False


def _is_of_proxy(name: str) -> bool:
    return name.lower() in ("http_proxy", "https_proxy", "no_proxy")


@cache
def _client(_: _Configured, attempts: int) -> Any:
    from boto3 import Session
    from botocore.config import Config

    patient = Config(retries={"mode": "standard", "total_max_attempts": attempts})
    return Session().client("s3", region_name=region(), config=patient)


@cache
def _filesystem(configured: _Configured) -> FileSystem:
    from pyarrow import fs

    variables = dict(configured[1])
    endpoint = variables.get("AWS_ENDPOINT_URL")
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region(),
        proxy_options=_proxy(endpoint or "https://s3.amazonaws.com"),
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ARROW_ATTEMPTS),
    )


def _proxy(endpoint: str) -> str | None:
    """Return the proxy by which the environment has an endpoint reached: boto3 and deltalake know it, pyarrow not."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies_environment, proxy_bypass

    asked = urlsplit(endpoint)
    proxy = None if proxy_bypass(asked.netloc) else getproxies_environment().get(asked.scheme)
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
