"""Plans how many reviews each day of the sample has and where malformed lines go."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import accumulate

from sentiment_local.sample.dirt import MALFORMED_KINDS


def daily_volumes(rng: random.Random, reviews: int, first_day: date, days: int, empty: int) -> list[int]:
    """Return how many reviews each day has, `reviews` in all: busier on Mondays, none on the day numbered `empty`."""
    by_weekday = (1.25, 1.1, 1.05, 1.0, 0.95, 0.75, 0.9)
    weights = [by_weekday[(first_day + timedelta(days=i)).weekday()] * rng.uniform(0.9, 1.1) for i in range(days)]
    weights[empty] = 0
    total = sum(weights)
    marks = [round(reviews * mark / total) for mark in accumulate(weights)]
    return [mark - before for mark, before in zip(marks, [0, *marks], strict=False)]


def plan_malformed(rng: random.Random, volumes: list[int]) -> list[list[str]]:
    """Return the kinds of malformed lines for each day: 0.5 % of the reviews, every kind, at most a tenth of a day."""
    places = [day for day, volume in enumerate(volumes) for _ in range(volume // 10)]
    wanted = max(len(MALFORMED_KINDS), sum(volumes) // 200)
    plan: list[list[str]] = [[] for _ in volumes]
    for i, day in enumerate(rng.sample(places, min(wanted, len(places)))):
        plan[day].append(MALFORMED_KINDS[i % len(MALFORMED_KINDS)])
    return plan
