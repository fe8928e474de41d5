"""Speaks to Airflow's REST API v2: tokens, retries, pages and errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from sentiment.core.errors import ContractError, UnavailableError
from sentiment_local.login import Login

_PAGE = 100
# While the server or its database is started again it does not answer, or says so.
_BUSY = frozenset({502, 503, 504})
_DATABASE_IS_DOWN = "Database error"
# 1 + 2 + 3 + 4 + 60 × 5 s: longer than the supervisor waits for the first sign of a server that it started again.
_TRIES, _PAUSE_SECONDS, _LONGEST_PAUSE = 65, 1.0, 5


class RefusedError(ContractError):
    """Airflow refuses a request; `status` is HTTP's."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class AirflowHttp:
    """Requests to Airflow at `base_url`, with the token that it gives for a login.

    `on_retry` is called before a request is sent again; what it raises ends the request.
    """

    def __init__(
        self,
        base_url: str,
        login: Login,
        transport: httpx.BaseTransport | None = None,
        on_retry: Callable[[], object] = lambda: None,
    ) -> None:
        self._base_url, self._login, self._on_retry = base_url.rstrip("/"), login, on_retry
        # trust_env off: a proxy of the shell must not be asked for a server of this machine.
        self._client = httpx.Client(base_url=self._base_url, timeout=180, trust_env=False, transport=transport)
        self._token: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, method: str, path: str, **request: Any) -> Any:
        """Send a request to /api/v2/`path` and return the JSON of its answer.

        Raises UnavailableError when Airflow does not answer, RefusedError with its reason when it refuses.
        """
        response = self._send(method, f"/api/v2/{path}", request)
        if response.is_error:
            sentence = f"Airflow refuses {method} {path} ({response.status_code}): {_reason(response)}"
            raise RefusedError(sentence, response.status_code)
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
        """Send, and again with a new token when the old has expired, or while Airflow is busy or started again.

        A request that got no answer is sent again only when that cannot do anything twice.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._send_once(method, path, request)
            except httpx.TransportError as error:
                if attempt == _TRIES or not _repeatable(method, error):
                    raise UnavailableError(self._unanswered(error)) from error
            else:
                if attempt == _TRIES or not self._worth_another_try(response):
                    return response
            time.sleep(_PAUSE_SECONDS * min(attempt, _LONGEST_PAUSE))
            self._on_retry()
        raise AssertionError("the last try returns or raises")

    def _worth_another_try(self, response: httpx.Response) -> bool:
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._token = None
            return True
        return _busy(response)

    def _send_once(self, method: str, path: str, request: Mapping[str, Any]) -> httpx.Response:
        self._token = self._token or self._new_token()
        return self._client.request(method, path, headers={"Authorization": f"Bearer {self._token}"}, **request)

    def _new_token(self) -> str:
        credentials = {"username": self._login.user, "password": self._login.password}
        response = self._client.post("/auth/token", json=credentials)
        if response.is_error:
            if _busy(response):
                raise httpx.ConnectError(f"no token: {response.status_code}")
            raise ContractError(f"Airflow at {self._base_url} gives no token ({response.status_code}); see the login")
        return str(response.json()["access_token"])

    def _unanswered(self, error: httpx.TransportError) -> str:
        return (
            f"Airflow does not answer at {self._base_url} ({error}); is it started? See `sentiment status`, "
            "and start it with `sentiment up`"
        )


def _repeatable(method: str, error: httpx.TransportError) -> bool:
    """Nothing was sent, or what was sent may be sent twice."""
    return method == "GET" or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def _busy(response: httpx.Response) -> bool:
    return response.status_code in _BUSY or (
        response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and _DATABASE_IS_DOWN in response.text
    )


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
