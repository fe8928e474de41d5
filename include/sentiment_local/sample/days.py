"""Draws the reviews of one day after the other, with the malformed lines and duplicates planted among them.

It knows users, products and days, and nothing of files.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import accumulate
from statistics import NormalDist

from sentiment_local.sample.dirt import Review, line_of, malformed_line, plan_malformed
from sentiment_local.sample.products import Product
from sentiment_local.sample.texts import write_review

DAY_MS = 86_400_000
STAR_SHARES = (0.127, 0.063, 0.082, 0.200, 0.528)  # of the published electronics reviews
QUALITY_WEIGHT = 0.6  # how much of a review's latent opinion is the product's quality; the rest is the customer
DRIFT = 0.3  # how far the latent opinion sinks from the first day to the last, in standard deviations
DUPLICATE_EVERY = 60  # reviews; with five kinds each is 0.3 % of the reviews
DUPLICATE_KINDS = (
    "same_line",
    "same_user_and_product_same_day",
    "same_user_and_product_later_day",
    "same_text_same_day",
    "same_text_later_day",
)
_THRESHOLDS = [NormalDist().inv_cdf(share) for share in list(accumulate(STAR_SHARES))[:-1]]
_CODE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass
class DayLines:
    """A day's lines in order of time, and how many of them are malformed or duplicates, by kind."""

    lines: list[str] = field(default_factory=list)
    malformed: Counter[str] = field(default_factory=Counter)
    duplicates: Counter[str] = field(default_factory=Counter)


class ReviewDays:
    """The days of the sample; they must be drawn in order, since a duplicate may be planted for a later day.

    No user reviews a product twice and no text stands twice within a product, but for the planted duplicates.
    """

    def __init__(self, rng: random.Random, products: list[Product], first_day: date, volumes: list[int]) -> None:
        self._rng = rng
        self._products = products
        self._popularity = list(accumulate(product.popularity for product in products))
        self._start = int(datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).timestamp()) * 1000
        self._volumes = volumes
        total = sum(volumes)
        self._users = ["A" + "".join(rng.choices(_CODE, k=13)) for _ in range(max(50, total * 4 // 5))]
        self._malformed = plan_malformed(rng, volumes)
        self._later: defaultdict[int, list[tuple[str, Review]]] = defaultdict(list)
        self._written: set[tuple[str, str]] = set()
        self._reviewed: set[tuple[str, str]] = set()
        self._count = 0

    def draw(self, day: int) -> DayLines:
        """Return the lines of the day with that number (0 is the first)."""
        result = DayLines()
        timed: list[tuple[int, str]] = []
        for kind, review in self._reviews(day):
            if kind:
                result.duplicates[kind] += 1
            timed.append((review["timestamp"], line_of(review)))
        for kind in self._malformed[day]:
            review = self._review(day)
            result.malformed[kind] += 1
            timed.append((review["timestamp"], malformed_line(self._rng, kind, review)))
        result.lines = [line for _, line in sorted(timed, key=lambda item: item[0])]
        return result

    def _reviews(self, day: int) -> list[tuple[str, Review]]:
        """Return the day's reviews with the kind of each duplicate, or an empty word for a first one."""
        reviews = self._later.pop(day, [])
        for _ in range(self._volumes[day]):
            review = self._review(day)
            reviews.append(("", review))
            self._count += 1
            if self._count % DUPLICATE_EVERY == DUPLICATE_EVERY // 2:
                kind = DUPLICATE_KINDS[self._count // DUPLICATE_EVERY % len(DUPLICATE_KINDS)]
                reviews += self._plant(kind, review, day)
        return reviews

    def _plant(self, kind: str, review: Review, day: int) -> list[tuple[str, Review]]:
        """Return the duplicate if it belongs to this day; keep it for a later day otherwise."""
        if kind == "same_line":
            return [(kind, review)]
        target = self._later_day(day) if kind.endswith("later_day") else day
        if target is None:
            return []
        earliest = review["timestamp"] + 1 if target == day else self._start + target * DAY_MS
        timestamp = self._rng.randrange(earliest, self._start + (target + 1) * DAY_MS)
        if kind.startswith("same_text"):
            copy = {**review, "user_id": self._new_user(review["parent_asin"]), "timestamp": timestamp}
        else:
            copy = {**self._review(target, self._product(review)), "user_id": review["user_id"], "timestamp": timestamp}
        if target == day:
            return [(kind, copy)]
        self._later[target].append((kind, copy))
        return []

    def _later_day(self, day: int) -> int | None:
        days = [later for later in range(day + 1, len(self._volumes)) if self._volumes[later]]
        return self._rng.choice(days) if days else None

    def _review(self, day: int, product: Product | None = None) -> Review:
        """Return a new review by a new pair of user and product, at any time of the day."""
        rng = self._rng
        product = product or rng.choices(self._products, cum_weights=self._popularity)[0]
        stars = self._stars(product, day)
        title, text = self._new_text(product, stars, day)
        review: Review = {
            "rating": float(stars),
            "title": title,
            "text": text,
            "images": product.images(rng),
            "asin": rng.choice(product.variants),
            "parent_asin": product.parent_asin,
            "user_id": self._new_user(product.parent_asin),
            # A second short of midnight, so that a duplicate can still follow on the same day.
            "timestamp": self._start + day * DAY_MS + rng.randrange(DAY_MS - 1000),
        }
        if rng.random() < 0.7:
            review |= {"helpful_vote": int(rng.expovariate(0.8)), "verified_purchase": rng.random() < 0.9}
        return review

    def _stars(self, product: Product, day: int) -> int:
        noise = self._rng.gauss(0, (1 - QUALITY_WEIGHT**2) ** 0.5)
        opinion = QUALITY_WEIGHT * product.quality + noise - DRIFT * (self._lateness(day) - 0.5)
        return 1 + sum(opinion > threshold for threshold in _THRESHOLDS)

    def _lateness(self, day: int) -> float:
        return day / (len(self._volumes) - 1)

    def _new_text(self, product: Product, stars: int, day: int) -> tuple[str, str]:
        while True:
            title, text = write_review(self._rng, product.category, stars, self._lateness(day))
            key = (product.parent_asin, "".join(filter(str.isalnum, text.casefold())))
            if key not in self._written:
                self._written.add(key)
                return title, text

    def _new_user(self, parent_asin: str) -> str:
        while True:  # the square makes some users busy and most not
            user = self._users[int(len(self._users) * self._rng.random() ** 2)]
            if (user, parent_asin) not in self._reviewed:
                self._reviewed.add((user, parent_asin))
                return user

    def _product(self, review: Review) -> Product:
        return next(product for product in self._products if product.parent_asin == review["parent_asin"])
