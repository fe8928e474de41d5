"""Generates reviews to try the platform on, in the form in which a shop's files arrive: history, days, products.

The same configuration gives the same bytes.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress, logged
from sentiment_local.config import SampleConfig
from sentiment_local.results import SampleResult
from sentiment_local.sample.days import DayLines, ReviewDays
from sentiment_local.sample.files import Tally, write_lines
from sentiment_local.sample.products import Product, invent_products

EMPTY_DAY_FROM_END = 4  # this many days before the last one nobody wrote a review: its file exists, without a line
SPLIT_DAY_FROM_END = 5  # and the reviews of the day before that come as a folder of two files
HISTORY, PRODUCTS = "reviews.jsonl.gz", "meta_sample.jsonl.gz"

logger = logging.getLogger(__name__)


def generate(config: SampleConfig, on_progress: OnProgress = logged) -> SampleResult:
    """Write HISTORY (sorted by time), `daily/` and PRODUCTS into config.output and return what was planted in them.

    `on_progress` is told after each day the reviews drawn so far and in all. A duplicate counts where its second line
    stands. ContractError where the output holds review files that this configuration would not replace.
    """
    names = _day_names(config)
    history_file, products_file = config.output / HISTORY, config.output / PRODUCTS
    daily_files = {name: _daily_files(config, name) for name in names}
    files = [history_file, products_file, *(file for group in daily_files.values() for file in group)]
    _refuse_strangers(config.output, files)

    rng = random.Random(config.seed)  # noqa: S311 - a sample, not a secret
    products = invent_products(rng)
    days = _days(config, rng, products, on_progress)
    write_lines(products_file, (json.dumps(product.meta(), ensure_ascii=False) for product in products))
    history = Tally()
    write_lines(history_file, history.counting(next(days) for _ in range(config.days - config.daily_days)))
    daily = {name: _write_day(daily_files[name], next(days)) for name in names}
    logger.info("wrote %d reviews of %d days to %s", config.reviews, config.days, config.output)
    return SampleResult(
        output=str(config.output),
        files=len(files),
        days=config.days,
        products=len(products),
        reviews=config.reviews,
        **dict(sum(daily.values(), start=history).counts()),
        empty_day=config.last_day - timedelta(EMPTY_DAY_FROM_END),
        split_day=config.last_day - timedelta(SPLIT_DAY_FROM_END),
        history=history.counts(),
        daily={name: tally.counts() for name, tally in daily.items()},
    )


def _day_names(config: SampleConfig) -> list[str]:
    if config.daily_days >= config.days:
        raise ContractError(f"daily_days {config.daily_days} leaves no history of {config.days} days; give fewer")
    return [str(config.last_day - timedelta(days=back)) for back in reversed(range(config.daily_days))]


def _daily_files(config: SampleConfig, name: str) -> list[Path]:
    folder = config.output / "daily"
    if name == str(config.last_day - timedelta(days=SPLIT_DAY_FROM_END)):
        return [folder / name / "part-0.jsonl.gz", folder / name / "part-1.jsonl"]
    return [folder / f"{name}.jsonl.gz"]


def _refuse_strangers(output: Path, files: list[Path]) -> None:
    """Refuse a folder with other review files: they would be taken for part of the sample."""
    others = {path for pattern in ("*.jsonl", "*.jsonl.gz") for path in output.rglob(pattern)} - set(files)
    if others:
        raise ContractError(
            f"{output} holds {len(others)} review files that are not of this sample, such as {min(others)}; "
            "give a new folder or remove them"
        )


def _days(
    config: SampleConfig, rng: random.Random, products: list[Product], on_progress: OnProgress
) -> Iterator[DayLines]:
    first_day = config.last_day - timedelta(days=config.days - 1)
    volumes = _daily_volumes(rng, config.reviews, first_day, config.days, config.days - 1 - EMPTY_DAY_FROM_END)
    days = ReviewDays(rng, products, first_day, volumes)
    done = 0
    for day, volume in enumerate(volumes):
        lines = days.draw(day)
        done += volume
        on_progress("writing sample reviews", done, config.reviews)
        yield lines


def _daily_volumes(rng: random.Random, reviews: int, first_day: date, days: int, empty: int) -> list[int]:
    """Return how many reviews each day has, `reviews` in all: busier on Mondays, none on the day numbered `empty`."""
    by_weekday = (1.25, 1.1, 1.05, 1.0, 0.95, 0.75, 0.9)
    weights = [by_weekday[(first_day + timedelta(days=i)).weekday()] * rng.uniform(0.9, 1.1) for i in range(days)]
    weights[empty] = 0
    total = sum(weights)
    marks = [round(reviews * mark / total) for mark in accumulate(weights)]
    return [mark - before for mark, before in zip(marks, [0, *marks], strict=False)]


def _write_day(paths: list[Path], day: DayLines) -> Tally:
    tally = Tally()
    lines = list(tally.counting([day]))
    for i, path in enumerate(paths):
        write_lines(path, lines[i :: len(paths)])
    return tally
