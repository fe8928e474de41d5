"""Invents the products of the sample: what they are called, how good they are, and how often they are reviewed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from sentiment_local.sample.categories import CATEGORIES
from sentiment_local.sample.grammar import capitalised

PRODUCTS_PER_CATEGORY = 50
_CODE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Product:
    """A product: `quality` has mean 0 and deviation 1 over all reviews, `popularity` is its relative number of them."""

    parent_asin: str
    variants: tuple[str, ...]
    category: str
    title: str | None
    price: float | None
    quality: float
    popularity: float

    def meta(self) -> dict[str, Any]:
        """Return the product's line of the meta file."""
        return {
            "parent_asin": self.parent_asin,
            "main_category": "Electronics",
            "categories": ["Electronics", self.category],
            "title": self.title,
            "price": self.price,
        }

    def images(self, rng: random.Random) -> list[dict[str, str]]:
        """Return the images of a review: none in 95 of 100, else one in three sizes."""
        if rng.random() > 0.05:
            return []
        address = f"https://images.example.com/{self.parent_asin}/{rng.randrange(10**6):06d}"
        return [{f"{size}_image_url": f"{address}_{size}.jpg" for size in ("small", "medium", "large")}]


def invent_products(rng: random.Random) -> list[Product]:
    """Return the products of all categories; a few lack a title and every fifth a price, as in the published files."""
    count = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
    popularity = [rng.lognormvariate(0, 0.7) for _ in range(count)]
    quality = _qualities(rng, popularity)
    asins = _asins(rng, 3 * count)
    products = []
    for i in range(count):
        category = list(CATEGORIES)[i % len(CATEGORIES)]
        codes = asins[3 * i : 3 * i + rng.choice((1, 1, 2, 3))]
        title = None if rng.random() < 0.03 else _title(rng, category)
        price = None if rng.random() < 0.2 else round(rng.lognormvariate(3.7, 0.8), 2)
        products.append(Product(codes[0], tuple(codes), category, title, price, quality[i], popularity[i]))
    return products


def _qualities(rng: random.Random, popularity: list[float]) -> list[float]:
    """Return normal qualities, standardised by popularity so that the stars of all reviews keep their shares."""
    count = len(popularity)
    raw = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    rng.shuffle(raw)
    total = sum(popularity)
    mean = sum(q * p for q, p in zip(raw, popularity, strict=True)) / total
    deviation = (sum((q - mean) ** 2 * p for q, p in zip(raw, popularity, strict=True)) / total) ** 0.5
    return [(q - mean) / deviation for q in raw]


def _asins(rng: random.Random, count: int) -> list[str]:
    codes: dict[str, None] = {}  # a dict keeps the order of drawing, a set would not
    while len(codes) < count:
        codes["B0" + "".join(rng.choices(_CODE, k=8))] = None
    return list(codes)


def _title(rng: random.Random, category: str) -> str:
    rules = CATEGORIES[category]
    model = f"{rng.choice('ABEKLMSTXZ')}{rng.choice((10, 20, 45, 100, 250, 300, 700))}"
    extra = rng.choice(("", ", Black", ", White", " (2nd generation)", " Pro", " Mini", ' 5"', " with case & cable"))
    return f"{rng.choice(rules['brand'])} {model} {capitalised(rng.choice(rules['thing']))}{extra}"
