"""The lines that an ingest must refuse: on which days they come, and how each kind is made from a sound review."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Review = dict[str, Any]
FAR_FUTURE = int(datetime(2999, 1, 1, tzinfo=UTC).timestamp()) * 1000


def plan_malformed(rng: random.Random, volumes: list[int]) -> list[list[str]]:
    """Return the kinds of malformed lines for each day: 0.5 % of the reviews, every kind, at most a tenth of a day."""
    places = [day for day, volume in enumerate(volumes) for _ in range(volume // 10)]
    wanted = max(len(MALFORMED_KINDS), sum(volumes) // 200)
    plan: list[list[str]] = [[] for _ in volumes]
    for i, day in enumerate(rng.sample(places, min(wanted, len(places)))):
        plan[day].append(MALFORMED_KINDS[i % len(MALFORMED_KINDS)])
    return plan


def line_of(review: Review) -> str:
    """Return the review as its JSON line, without the line's end."""
    return json.dumps(review, ensure_ascii=False)


def malformed_line(rng: random.Random, kind: str, review: Review) -> str:
    """Return the review spoilt in the way of that kind (one of MALFORMED_KINDS)."""
    if kind == "not_json":
        return rng.choice(("<html><body>502 Bad Gateway</body></html>", "user_id,rating,text", "NULL ROW"))
    if kind == "truncated_json":
        whole = line_of(review)
        return whole[: rng.randrange(len(whole) // 4, len(whole) - 1)]
    return line_of(_SPOILT[kind](review))


def _without(field: str) -> Callable[[Review], Review]:
    return lambda review: {name: value for name, value in review.items() if name != field}


def _with(field: str, value: object) -> Callable[[Review], Review]:
    return lambda review: {**review, field: value}


_SPOILT: dict[str, Callable[[Review], Review]] = {
    "missing_rating": _without("rating"),
    "missing_text": _without("text"),
    "rating_zero": _with("rating", 0.0),
    "rating_nine": _with("rating", 9.0),
    "rating_word": _with("rating", "five"),
    "timestamp_word": _with("timestamp", "yesterday"),
    "timestamp_far_future": _with("timestamp", FAR_FUTURE),
    "blank_text": _with("text", " \t\n  "),
}
MALFORMED_KINDS = ("not_json", "truncated_json", *_SPOILT)
