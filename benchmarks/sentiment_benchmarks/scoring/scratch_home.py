"""A home of the benchmark's own: a lake with as many reviews as are asked for, and the bundle as version 1.

The version lies where fetched bundles lie, so no MLflow is needed to score with it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa

from sentiment.core.errors import UnderWayError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.locks import alone, held
from sentiment.core.settings import PREFIX, Settings
from sentiment.core.text.clean import word_count
from sentiment.stores.lake.files import write_day_file
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment_benchmarks.scoring.material import Material

# Any name that a bundle's content could have: in this home there is no other.
CONTENT = "0" * 16
VERSION = f"1@{CONTENT}"
FIRST_DAY = date(2020, 1, 1)
# A backfill of a month.
_DAYS = 28
_ROWS_AT_ONCE = 5_000
# What the names of scratch folders begin with, beside HOME/benchmarks.
_SCRATCH = "benchmark-scoring-"


@contextmanager
def scratch_folder(home: Path) -> Iterator[Path]:
    """Give a folder in `home` for as long as the block runs; what killed benchmarks left there is removed first.

    The lock of a folder is there before it and is let go with its process, so a folder that nobody holds is left over.
    """
    for left in home.glob(f"{_SCRATCH}*.lock"):
        if not held(left):
            _remove(left)
    lock = home / f"{_SCRATCH}{uuid4().hex[:8]}.lock"
    with alone(lock, UnderWayError(f"{lock} is another benchmark's; start this one again")):
        folder = lock.with_suffix("")
        folder.mkdir()
        try:
            yield folder
        finally:
            _remove(lock)


def _remove(lock: Path) -> None:
    shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
    lock.unlink(missing_ok=True)


def make_home(folder: Path, material: Material, count: int, days: int = _DAYS) -> None:
    """Write a lake of `count` reviews over so many days, a review a day at least, and the bundle into `folder`."""
    (folder / "bundles").mkdir(parents=True)
    (folder / "bundles" / CONTENT).symlink_to(material.bundle.resolve(), target_is_directory=True)
    lake = Lake(str(folder / "lake"))
    base = lake.grown(REVIEWS)
    written = [FIRST_DAY + timedelta(number) for number in range(min(days, count))]
    borders = np.linspace(0, count, len(written) + 1).astype(int).tolist()
    files = [
        write_day_file(lake.root, REVIEWS, day, _batches(material.reviews, day, range(start, end)))
        for day, start, end in zip(written, borders, borders[1:], strict=False)
    ]
    lake.replace_days(REVIEWS, written, files, base, {})


def on_this_machine(settings: Settings, workers: int) -> str:
    """Return the master with so many workers of this machine's Spark, of the kind that the settings have."""
    return f"{'sail' if settings.spark_master.startswith('sail') else 'local'}[{workers}]"


def environment(home: Path, settings: Settings, master: str) -> dict[str, str]:
    """Return the variables of a process that works in such a home on a Spark master."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYSPARK_GATEWAY"))}
    return kept | settings.in_home(home, spark_master=master).as_environment()


def _batches(reviews: LabelledReviews, day: date, numbers: range) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(numbers), _ROWS_AT_ONCE):
        rows = [_row(reviews, day, number) for number in numbers[start : start + _ROWS_AT_ONCE]]
        yield pa.RecordBatch.from_pylist(rows, schema=REVIEWS.schema)


def _row(reviews: LabelledReviews, day: date, number: int) -> dict[str, object]:
    """Where the reviews are not enough they come again, each time under a beginning that makes them new texts."""
    copy, at = divmod(number, len(reviews))
    text = f"Copy {copy}. {reviews.texts[at]}" if copy else reviews.texts[at]
    moment = datetime.combine(day, time(12), UTC)
    return {
        "review_key": f"{number:09d}",
        "user_id": f"U{number}",
        "asin": f"A{number % 997}",
        "parent_asin": f"P{number % 997}",
        "category": reviews.categories[at] or "Electronics",
        "rating": 5.0 if reviews.labels[at] else 1.0,
        "title": reviews.titles[at],
        "text": text,
        "word_count": word_count(text),
        "timestamp": moment,
        "source_file": "benchmark",
        "ingested_at": moment,
        "review_date": day,
    }
