"""What MLflow's errors mean: it has no such thing, somebody was first, or nobody answers.

The one place that knows MLflow's codes, and the errors of the libraries by which it reaches its server, its database
and its files. What is not known to be an answer is an outage: it says nothing of what is there.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.stores.registry.pages import without_password

_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"}
_FIRST = {"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS", "RESOURCE_CONFLICT", "ABORTED"}
_REFUSED = {
    *("INVALID_PARAMETER_VALUE", "INVALID_STATE", "NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND"),
    *("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"),
}
_KNOWN = _ABSENT | _FIRST | _REFUSED
# Their errors come through MLflow's client as they are.
_OF_S3 = {"botocore", "boto3"}
_CARRIERS = {"requests", "urllib3", "sqlalchemy", "psycopg2", *_OF_S3}
# Variables that MLflow's client, and requests within it, read.
_CERTIFICATES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_OWN_CERTIFICATE = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
_OF_THIS_MACHINE = ("http://127.0.0.1", "http://localhost")
_BY_STATUS = {404: _ABSENT, 409: _FIRST, 401: _REFUSED, 403: _REFUSED}
# Of files that it could not download MLflow keeps the words alone, and boto3 those of one that it could not upload.
_OF_A_FILE = re.compile(
    r"failures occurred while downloading.*?\n##### File (?P<file>.*?) #####\n(?P<error>.*?)"
    r"(?=\nTraceback:|\n##### File |\Z)",
    re.DOTALL,
)
_OF_THE_SYSTEM = re.compile(r"\[Errno (\d+)\] ")
_IN_WORDS_OF_S3 = re.compile(r"An error occurred \((\w+)\) when calling the ")
_BY_CODE_OF_S3 = {
    **dict.fromkeys(("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"), _REFUSED),
    **dict.fromkeys(("404", "NoSuchKey", "NoSuchBucket"), _ABSENT),
}


class AbsentError(ContractError):
    """MLflow answered, and what was asked for is not there."""


class Answering:
    """Stands before MLflow's client, or a module of it, and raises our errors in place of its own."""

    def __init__(self, of: object, address: str) -> None:
        self._of, self._address = of, address

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if isinstance(found, ModuleType):
            return Answering(found, self._address)
        if not callable(found) or isinstance(found, type):
            return found

        @wraps(found)
        def asked(*given: Any, **named: Any) -> Any:
            with answered(self._address):
                return found(*given, **named)

        return asked


@contextmanager
def answered(address: str) -> Iterator[None]:
    """Raise what an error of MLflow means: AbsentError, ContractError, ConcurrentWriteError or UnavailableError.

    Without the error itself behind it, whose address may hold a password. Every other error passes; OSError, such as
    that of a full disk, does so too where a download met it.
    """
    try:
        yield
    except Exception as error:
        meant = _meant(error, without_password(address))
        if meant is None:
            raise
        raise meant from None


def require_answer(address: str) -> None:
    """Raise UnavailableError at once when nobody is there: MLflow's own client would try for minutes first."""
    if not address.startswith("http"):
        return
    shown = without_password(address)
    try:
        # A proxy of the shell must not be asked for what runs on this machine.
        local = address.startswith(_OF_THIS_MACHINE)
        verified = _certificates() if address.startswith("https://") else True
        answer = httpx.get(f"{address}/health", timeout=10, trust_env=not local, verify=verified)
    except httpx.TransportError as error:
        start = "start the platform with `sentiment up`" if local else "see that it runs"
        raise UnavailableError(
            f"MLflow does not answer at {shown} ({without_password(str(error))}): {start}, or name another tracking "
            "address in SENTIMENT_MLFLOW_URI (sqlite:///FILE needs no server)"
        ) from None
    if answer.status_code >= 500:
        raise UnavailableError(
            f"MLflow does not answer at {shown} (what stands before it gives {answer.status_code}): see its log"
        )


def _certificates() -> ssl.SSLContext | bool:
    """Return by what MLflow's own client knows a server, which may be of an authority within a company.

    Raises ContractError for a file of certificates that cannot be read.
    """
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
        return False
    known = next((name for name in _CERTIFICATES if os.environ.get(name)), None)
    named, own = os.environ.get(known or "", ""), os.environ.get(_OWN_CERTIFICATE)
    if not named and not own:
        return True
    folder, file = (named, None) if named and Path(named).is_dir() else (None, named or None)
    try:
        context = ssl.create_default_context(cafile=file, capath=folder)
        if own:
            context.load_cert_chain(own)
    except OSError as error:
        raise ContractError(
            f"the certificates of {known or _OWN_CERTIFICATE} cannot be read: {error}; correct it"
        ) from error
    return context


def _meant(error: Exception, address: str) -> Exception | None:
    from mlflow.exceptions import MlflowException

    said = without_password(str(error)).strip()
    carriers = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    if isinstance(error, MlflowException):
        codes = {error.error_code}
        if failed := _OF_A_FILE.search(said):
            if number := _OF_THE_SYSTEM.match(failed["error"]):
                return OSError(int(number[1]), failed["error"][number.end() :].strip())
            said = f"{failed['file']}: {failed['error'].strip()}"
    elif _CARRIERS & carriers:
        codes = _BY_STATUS.get(_status(error), set())
    else:
        return None
    if not codes & _KNOWN and (of_s3 := _IN_WORDS_OF_S3.search(said)):
        codes, carriers = _BY_CODE_OF_S3.get(of_s3[1], set()), _OF_S3
    who = "the S3 that keeps MLflow's files" if _OF_S3 & carriers else f"MLflow at {address}"
    if codes & _ABSENT:
        return AbsentError(f"{who} has no such thing: {said}")
    if codes & _FIRST:
        return ConcurrentWriteError(f"{who}: somebody else was first, run it again: {said}")
    if codes & _REFUSED:
        return ContractError(f"{who} refuses: {said}; mend that, or see SENTIMENT_MLFLOW_URI")
    return UnavailableError(f"{who} does not answer as it should, try again: {said}")


def _status(error: Exception) -> int:
    """Return the HTTP status that an answer to requests or boto3 had; 0 where there was none."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return int(getattr(answer, "status_code", 0) or 0)
