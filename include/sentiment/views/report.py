"""What the lake and the registry say of the last days: the rows of `sentiment report` and of the demo's table."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.stores.lake.log import TableState
from sentiment.stores.lake.schemas import SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry
from sentiment.views.config import ReportConfig

Rows = list[dict[str, Any]]


def report_days(config: ReportConfig, settings: Settings) -> dict[str, Any]:
    """Return the champion beside its rivals, and a row a day for the last scored days.

    `compared` holds the versions that were measured on the champion's test reviews, `measured_on_other_reviews` those
    whose figures cannot be held against them; `note` says which days bear another version's scores. The last two are
    there when there is something to say. Raises ContractError when nothing was scored yet.
    """
    scores = Lake(settings.lake_root).state(SCORES)
    if not scores.days:
        raise ContractError(
            f"no day was scored yet in the lake {settings.lake_root}; run score_reviews, or `sentiment score --day DAY`"
        )
    last = max(scores.days)
    days = [last - timedelta(n) for n in reversed(range(config.days))]
    rows = [_row(scores, day) for day in days if day in scores.days]
    registry = Registry(settings)
    champion = registry.champion()
    note = scored_by_others(rows, champion)
    return {"champion": champion, **({"note": note} if note else {}), "days": rows, **_models(registry, champion)}


def scored_by_others(rows: Rows, champion: int | None) -> str:
    """Say which of the days bear scores of another version than the champion's, and how to mend it; or nothing."""
    others = [row for row in rows if row["reviews"] and row["model_version"] != str(champion)]
    if champion is None or not others:
        return ""
    first, last = others[0]["day"], others[-1]["day"]
    versions = sorted({one for row in others for one in row["model_version"].split(", ")} - {str(champion)}, key=int)
    days = f"{len(others)} of these {len(rows)} days bear" if len(others) > 1 else "one of these days bears"
    return (
        f"version {champion} is champion, but {days} scores of version {' and '.join(versions)}; to score them by the "
        f"champion: sentiment rescore --from-day {first} --to-day {last} (in Airflow: the DAG rescore_range)"
    )


def _row(scores: TableState, day: date) -> dict[str, Any]:
    table = scores.read((day, day), ["label", "needs_review", "model_version"])
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


def _models(registry: Registry, champion: int | None) -> dict[str, Any]:
    if champion is None:
        return {"compared": []}
    reference = _test_set(registry.version(champion))
    same: Rows = []
    other: Rows = []
    for one in registry.versions():
        comparable = one.version == champion or (_test_set(one) == reference and None not in reference)
        (same if comparable else other).append(_figures(registry, one))
    return {"compared": same, **({"measured_on_other_reviews": other} if other else {})}


def _test_set(one: ModelVersion) -> tuple[str | None, str | None]:
    return one.tags.get("snapshot"), one.tags.get("test_reviews")


def _figures(registry: Registry, one: ModelVersion) -> dict[str, Any]:
    """Return a version's figures; None for what one that somebody registered by hand does not have."""
    try:
        metrics = registry.trained(one.run_id).metrics
    except ContractError:  # somebody deleted the run
        metrics = {}
    return {
        "version": one.version,
        "family": one.tags.get("family"),
        "accuracy": one.figure("accuracy"),
        "macro_f1": one.figure("macro_f1"),
        "train_reviews": int(metrics.get("train_reviews_used", 0)),
        "test_reviews": int(metrics.get("test_reviews_used", 0)),
    }
