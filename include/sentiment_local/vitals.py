"""Signs of life: whether an address answers, and when a part of Airflow last said that it lives."""

from __future__ import annotations

import time
from datetime import datetime

import httpx

_SECONDS = 5.0


def now_if(alive: bool) -> float | None:
    """Return this moment when a look found life, else None."""
    return time.time() if alive else None


def answers(url: str) -> bool:
    """Tell whether the address answers with success within a few seconds."""
    try:
        return httpx.get(url, timeout=_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def heartbeat(url: str, part: str) -> float | None:
    """Return the moment of a part's last heartbeat, as Airflow's health page at `url` tells it, or None."""
    try:
        report = httpx.get(url, timeout=_SECONDS, trust_env=False).json()
        beat = (report.get(part) or {}).get(f"latest_{part}_heartbeat")
    except (httpx.HTTPError, ValueError, AttributeError):
        return None
    return datetime.fromisoformat(beat).timestamp() if beat else None
