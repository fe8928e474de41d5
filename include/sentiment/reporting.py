"""What the lake and the registry say of the last days: the rows of `sentiment report` and of the demo's table."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from sentiment.config import ReportConfig, Settings
from sentiment.errors import ContractError
from sentiment.lake.schemas import SCORES
from sentiment.lake.tables import Lake
from sentiment.registry import ModelVersion, Registry


def report_days(config: ReportConfig, settings: Settings) -> dict[str, Any]:
    """Return a row a day for the last scored days, and the champion beside its linear baseline.

    Raises ContractError when nothing was scored yet.
    """
    lake = Lake(settings.lake_root)
    scored = [file.day for file in lake.files(SCORES)]
    if not scored:
        raise ContractError("no day was scored yet; run score_reviews, or `sentiment score --day DAY`")
    last = max(scored)
    days = [last - timedelta(n) for n in reversed(range(config.days))]
    written = lake.written_days(SCORES, days)
    return {"days": [_row(lake, day) for day in days if day in written], **_models(Registry(settings))}


def _row(lake: Lake, day: date) -> dict[str, Any]:
    table = lake.read(SCORES, (day, day), ["label", "needs_review", "model_version"])
    reviews = table.num_rows
    positive = pc.sum(pc.equal(table["label"], "positive")).as_py() or 0
    unsure = pc.sum(table["needs_review"]).as_py() or 0
    return {
        "day": str(day),
        "reviews": reviews,
        "positive_share": round(positive / reviews, 4) if reviews else None,
        "needs_review_share": round(unsure / reviews, 4) if reviews else None,
        "model_version": ", ".join(sorted(set(table["model_version"].to_pylist()))),
    }


def _models(registry: Registry) -> dict[str, Any]:
    number = registry.champion()
    if number is None:
        return {"champion": None, "compared": []}
    champion = registry.version(number)
    rivals = [one for one in registry.versions() if one.tags.get("snapshot") == champion.tags.get("snapshot")]
    return {"champion": number, "compared": [_figures(registry, one) for one in rivals]}


def _figures(registry: Registry, one: ModelVersion) -> dict[str, Any]:
    run = registry.trained(one.run_id)
    return {
        "version": one.version,
        "family": one.tags["family"],
        "accuracy": float(one.tags["accuracy"]),
        "macro_f1": float(one.tags["macro_f1"]),
        "train_reviews": int(run.metrics.get("train_reviews_used", 0)),
        "test_reviews": int(run.metrics.get("test_reviews_used", 0)),
    }
