"""What the lake and the registry say of the last days: the rows of `sentiment report` and of the demo's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow.compute as pc

from sentiment.core.errors import ContractError
from sentiment.stores.lake.log import TableState
from sentiment.stores.lake.schemas import SCORES
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry
from sentiment.views.config import ReportConfig
from sentiment.views.results import DayRow, ReportResult, VersionRow


def report_days(config: ReportConfig, lake: Lake, registry: Registry) -> ReportResult:
    """Return the champion beside its rivals, and a row a day for the last scored days.

    Raises ContractError when nothing was scored yet.
    """
    scores = lake.state(SCORES)
    if not scores.days:
        raise ContractError(
            f"no day was scored yet in the lake {lake.root}; run score_reviews, or `sentiment score --day DAY`"
        )
    last = max(scores.days)
    days = [last - timedelta(n) for n in reversed(range(config.days))]
    rows = tuple(_row(scores, day) for day in days if day in scores.days)
    champion = registry.champion()
    note = scored_by_others(rows, champion)
    said: dict[str, Any] = {"note": note} if note else {}
    compared, others = _versions(registry, champion)
    if others:
        said["measured_on_other_reviews"] = others
    return ReportResult(champion=champion, days=rows, compared=compared, **said)


def scored_by_others(rows: Sequence[DayRow], champion: int | None) -> str:
    """Say which of the days bear scores of another version than the champion's, and how to mend it; or nothing."""
    others = [row for row in rows if row.reviews and row.model_version != str(champion)]
    if champion is None or not others:
        return ""
    first, last = others[0].day, others[-1].day
    versions = _in_order({name for row in others for name in row.model_version.split(", ")} - {str(champion)})
    days = f"{len(others)} of these {len(rows)} days bear" if len(others) > 1 else "one of these days bears"
    return (
        f"version {champion} is champion, but {days} scores of version {' and '.join(versions)}; to score them by the "
        f"champion: sentiment rescore --from-day {first} --to-day {last} (in Airflow: the DAG rescore_range)"
    )


# Of versions on other test reviews so many, the newest, are asked what reviews they saw, which takes a request each.
_OTHERS_WITH_REVIEWS = 20


def version_row(registry: Registry, version: ModelVersion) -> VersionRow:
    """Return a version's figures, of its tags and of its run, where somebody has not deleted that."""
    try:
        metrics = registry.trained(version.run_id).metrics if version.run_id else {}
    except AbsentError:
        metrics = {}
    return _row_of_tags(version, metrics)


def _row_of_tags(version: ModelVersion, metrics: Mapping[str, float]) -> VersionRow:
    return VersionRow(
        version=version.version,
        family=version.tags.get("family"),
        accuracy=version.figure("accuracy"),
        macro_f1=version.figure("macro_f1"),
        train_reviews=_whole(metrics.get("train_reviews_used")),
        test_reviews=_whole(metrics.get("test_reviews_used")),
        gate_share=version.figure("test_gate_share"),
        gate_reviews=_whole(version.figure("gate_reviews")),
        network_macro_f1=version.figure("network_macro_f1"),
    )


def _whole(figure: float | None) -> int | None:
    return None if figure is None else int(figure)


def _row(scores: TableState, day: date) -> DayRow:
    table = scores.read((day, day), ["label", "needs_review", "model_version", "language"])
    reviews = table.num_rows
    positive = pc.sum(pc.equal(table["label"], "positive")).as_py() or 0
    unsure = pc.sum(table["needs_review"]).as_py() or 0
    return DayRow(
        day=str(day),
        reviews=reviews,
        positive_share=round(positive / reviews, 4) if reviews else None,
        needs_review_share=round(unsure / reviews, 4) if reviews else None,
        model_version=", ".join(_in_order({name or "unknown" for name in table["model_version"].to_pylist()})),
        languages=dict(Counter(table["language"].drop_null().to_pylist()).most_common()),
    )


def _in_order(versions: Iterable[str]) -> list[str]:
    """Return versions by their numbers, and behind them what another program wrote in the place of one."""
    return sorted(versions, key=lambda name: (not name.isdecimal(), len(name), name))


def _versions(registry: Registry, champion: int | None) -> tuple[tuple[VersionRow, ...], tuple[VersionRow, ...]]:
    """Return the versions that were measured on the champion's test reviews, and the others; nothing without one."""
    if champion is None:
        return (), ()
    of_champion = registry.version(champion)
    reference = _tested_on(of_champion, version_row(registry, of_champion))
    same: list[VersionRow] = []
    other: list[VersionRow] = []
    for version in registry.versions():
        near = version.tags.get("snapshot") == reference[0] or len(other) < _OTHERS_WITH_REVIEWS
        row = version_row(registry, version) if near else _row_of_tags(version, {})
        comparable = version.version == champion or (_tested_on(version, row) == reference and None not in reference)
        (same if comparable else other).append(row)
    return tuple(same), tuple(other)


def _tested_on(version: ModelVersion, row: VersionRow) -> tuple[str | None, str | None]:
    """Return snapshot and number of the test reviews: of those that there were, or that were asked for."""
    asked = version.tags.get("test_reviews")
    return version.tags.get("snapshot"), asked if row.test_reviews is None else str(row.test_reviews)
