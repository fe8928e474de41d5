"""What a day's scores say: a row for every category and every product of it. Knows Arrow tables, nothing of files."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import compute

from sentiment.core.names import LABELS, NEGATIVE_STARS, POSITIVE, POSITIVE_STARS
from sentiment.stores.lake.schemas import DAILY_SENTIMENT

SUMMARISED = ("category", "parent_asin", "rating", "label", "needs_review", "model_version", "review_date")
_SHARES = {
    "positive_mean": "positive_share",
    "needs_review_mean": "needs_review_share",
    "rating_mean": "mean_stars",
    "disagrees_mean": "disagreement_share",
    "count_all": "reviews",
}


def daily_sentiment(scores: pa.Table) -> pa.Table:
    """Return the rows of `daily_sentiment` for one day's scored reviews with the columns SUMMARISED."""
    measured = _measured(scores)
    day = [scores[name][0] for name in ("model_version", "review_date")]
    levels = [_level(measured, "category", ["category"]), _level(measured, "product", ["category", "parent_asin"])]
    found = pa.concat_tables(levels, promote_options="default")
    for name, value in zip(("model_version", "review_date"), day, strict=True):
        found = found.append_column(name, pa.repeat(value, found.num_rows))
    return found.select(DAILY_SENTIMENT.schema.names).cast(DAILY_SENTIMENT.schema)


def _measured(scores: pa.Table) -> pa.Table:
    stars, positive = scores["rating"], compute.equal(scores["label"], LABELS[POSITIVE])
    praises = compute.greater_equal(stars, POSITIVE_STARS)
    # Three-star reviews have no side to disagree with.
    sided = compute.or_(praises, compute.less_equal(stars, NEGATIVE_STARS))
    disagrees = compute.if_else(sided, compute.xor(positive, praises), pa.scalar(None, pa.bool_()))
    return pa.table(
        {
            **{name: scores[name] for name in ("category", "parent_asin", "rating")},
            "positive": compute.cast(positive, pa.float64()),
            "needs_review": compute.cast(scores["needs_review"], pa.float64()),
            "disagrees": compute.cast(disagrees, pa.float64()),
        }
    )


def _level(measured: pa.Table, level: str, by: list[str]) -> pa.Table:
    means = [(name, "mean") for name in ("positive", "needs_review", "rating", "disagrees")]
    # One thread: the groups come in the order of the rows, and the sums add up in it, run after run.
    grouped = measured.group_by(by, use_threads=False).aggregate([*means, ([], "count_all")])
    renamed = grouped.rename_columns([_SHARES.get(name, name) for name in grouped.column_names])
    return renamed.append_column("level", pa.repeat(level, renamed.num_rows))
