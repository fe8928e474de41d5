"""The names under which Airflow's server answers: a web page that gives this machine a name of its own is refused."""

from __future__ import annotations

import os
from typing import Any


def allowed_hosts() -> list[dict[str, Any]]:
    """Return the middleware that checks a request's Host against SENTIMENT_ALLOWED_HOSTS (a,b,c); none when empty."""
    names = [name.strip() for name in os.environ.get("SENTIMENT_ALLOWED_HOSTS", "").split(",") if name.strip()]
    if not names:
        return []
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    kwargs = {"allowed_hosts": names, "www_redirect": False}
    return [{"name": "allowed hosts", "middleware": TrustedHostMiddleware, "args": [], "kwargs": kwargs}]
