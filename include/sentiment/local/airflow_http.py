"""Speaks to Airflow's REST API v2: tokens, retries, pages and errors; what is asked for is not known here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import httpx

from sentiment.errors import ContractError

_PAGE = 100
# SQLite has one writer: while another holds it Airflow answers 503, or 500 when it was writing its log of requests.
_BUSY = frozenset({502, 503, 504})
_LOCKED = "Database error"
_TRIES, _PAUSE_SECONDS = 5, 1.0


class AirflowHttp:
    """Requests to Airflow at `base_url`, with a token that it gives to everyone when all are administrators."""

    def __init__(self, base_url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        # trust_env off: a proxy of the shell must not be asked for a server of this machine.
        self._client = httpx.Client(base_url=self._base_url, timeout=60, trust_env=False, transport=transport)
        self._token: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Send a request to /api/v2/`path` and return the JSON of its answer.

        Raises ContractError when Airflow does not answer or refuses, with the reason that it gives.
        """
        try:
            response = self._send(method, f"/api/v2/{path}", request)
        except httpx.TransportError as error:
            raise ContractError(f"Airflow does not answer at {self._base_url} ({error}); is it started?") from error
        if response.is_error:
            raise ContractError(f"Airflow refuses {method} {path} ({response.status_code}): {_reason(response)}")
        return response.json() if response.content else None

    def pages(self, path: str, key: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows under `key` of all pages of a listing."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", path, params={**(params or {}), "limit": _PAGE, "offset": len(found)})
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _send(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        """Send once, and again with a new token when the old has expired, or while Airflow is busy."""
        response = self._send_once(method, path, request)
        for attempt in range(1, _TRIES):
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self._token = None
            elif not _busy(response):
                break
            time.sleep(_PAUSE_SECONDS * attempt)
            response = self._send_once(method, path, request)
        return response

    def _send_once(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        self._token = self._token or self._new_token()
        return self._client.request(method, path, headers={"Authorization": f"Bearer {self._token}"}, **request)

    def _new_token(self) -> str:
        response = self._client.get("/auth/token")
        if response.is_error:
            why = "it wants a login; start it with simple_auth_manager_all_admins"
            raise ContractError(f"Airflow at {self._base_url} gives no token ({response.status_code}): {why}")
        return str(response.json()["access_token"])


def _busy(response: httpx.Response) -> bool:
    return response.status_code in _BUSY or (
        response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and _LOCKED in response.text
    )


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
