"""Scores: of a day, of a range, of texts and files, and which version they are made with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.verb import Verb, VerbResult
from sentiment.core.wording import counted, listed, percent
from sentiment.scoring.config import PredictConfig, RescoreConfig, ScoreConfig


class ResolvedModel(VerbResult):
    """Which versions score: `pinned` is what the next task scores with, the version and its content.

    `champion_at_date` over a range stays as it is, because each day has its own.
    """

    model: str
    versions: tuple[int, ...]
    pinned: str

    def sentences(self) -> list[str]:
        """Name the version."""
        return [f"The model that scores: version {self.model}."]

    def version_named(self) -> int | None:
        """Return the version, where one scores all days."""
        return self.versions[0] if len(self.versions) == 1 else None


class _ScoredResult(VerbResult):
    """What scoring some days came to; `touched` are the days that were written, `reused` the scores that were kept."""

    days: int
    touched: tuple[date, ...]
    reviews: int
    positive: int
    needs_review: int
    reused: int
    model_versions: tuple[str, ...]

    def said_of(self, what: str) -> str:
        """Say what was scored and by what, of a day or of a range."""
        by = f"version {', '.join(self.model_versions)}" if self.model_versions else "no version"
        if not self.reviews:
            return f"{what}: no reviews to score ({by})."
        return (
            f"{what}: {counted(self.reviews, 'review')} scored by {by}, {percent(self.positive / self.reviews)} "
            f"positive, {self.needs_review:,} for a person to look at, {self.reused:,} scores kept."
        )


class ScoreResult(_ScoredResult):
    """A scored day; `also` are the days before it that were scored again by the way."""

    day: date
    also: tuple[date, ...]

    def sentences(self) -> list[str]:
        """Count the day's reviews."""
        return [self.said_of(str(self.day))]


class RescoreResult(_ScoredResult):
    """A scored range; `missing` are its days that were never ingested."""

    from_day: date
    to_day: date
    missing: tuple[date, ...]

    def sentences(self) -> list[str]:
        """Count the range's reviews, and name the days that are missing."""
        missing = [f"Not ingested, and so not scored: {listed([str(day) for day in self.missing])}."]
        return [self.said_of(f"{self.from_day} to {self.to_day}"), *(missing if self.missing else [])]


class PredictResult(VerbResult):
    """Decisions of texts, or of the first rows of a file (`predictions`), or where all of them went (`output`).

    `rows`, `positive`, `needs_review` and `unscored` count the rows of a file or a pipe.
    """

    output: str | None = None
    predictions: tuple[dict[str, Any], ...] | None = None
    rows: int | None = None
    positive: int | None = None
    needs_review: int | None = None
    unscored: int | None = None
    notes: tuple[str, ...] | None = None
    model_version: str | None = None
    more: str | None = None


def resolve_model(config: ScoreConfig | RescoreConfig, context: Context) -> ResolvedModel:
    """Resolve which version a run scores with and put its bundle into this machine's cache; no Spark."""
    from sentiment.promotion.resolution import bundles_of

    days = _due_days(config, context) if isinstance(config, ScoreConfig) else _ingested(config, context)
    bundles = bundles_of(days, config.model, context.settings)
    if len(bundles) > 1:
        return ResolvedModel(model=config.model, versions=tuple(sorted(bundles)), pinned=config.model)
    ((version, content),) = bundles.items()
    return ResolvedModel(model=str(version), versions=(version,), pinned=f"{version}@{content}")


def score(config: ScoreConfig, context: Context) -> ScoreResult:
    """Score one day of the lake, and the days before it that changed; a day without reviews is an empty success."""
    from sentiment.stores.lake.states import missing_reviews
    from sentiment.stores.lake.tables import Lake

    lacking = missing_reviews(Lake(context.settings.lake_root), config.day)
    if lacking:
        raise ContractError(lacking)
    days = _due_days(config, context)
    also = tuple(day for day in days if day != config.day)
    return ScoreResult(day=config.day, also=also, **_score(days, config, context))


def rescore(config: RescoreConfig, context: Context) -> RescoreResult:
    """Score all ingested days of a range in one Spark job, one commit a day; names the days that are missing."""
    present = _ingested(config, context)
    missing = tuple(sorted({*config.every_day()} - {*present}))
    scored = _score(present, config, context)
    return RescoreResult(from_day=config.from_day, to_day=config.last_day, missing=missing, **scored)


def predict(config: PredictConfig, context: Context) -> PredictResult:
    """Score texts, or the rows of a file or a pipe."""
    from sentiment.engine.scorer import Scorer
    from sentiment.promotion.resolution import bundle_of
    from sentiment.scoring.files import predict_rows
    from sentiment.scoring.predicted import predict_source

    version, bundle = bundle_of(config.model, context.now.date(), context.settings)
    scorer = Scorer.load(bundle, engine=config.engine, gate=config.gate, threads=2)
    if config.input is None:
        rows = predict_rows(scorer, [{"text": text} for text in config.texts], version)
        return PredictResult(predictions=tuple(rows))
    return PredictResult.model_validate(predict_source(config, config.input, scorer, version, context.progress))


def _due_days(config: ScoreConfig, context: Context) -> list[date]:
    """Return the day, and those of the look-back that a run is due to score again or for the first time."""
    from sentiment.stores.lake.states import day_states
    from sentiment.stores.lake.tables import Lake

    due = {"stale", "ingested"} if config.catch_up else {"stale"}
    before = [config.day - timedelta(n) for n in range(config.look_back, 0, -1)]
    states = day_states(Lake(context.settings.lake_root), before)
    return [*(day for day in before if states[day] in due), config.day]


def _ingested(config: RescoreConfig, context: Context) -> list[date]:
    """Return the days of a range that the lake holds, which may be few of many."""
    from sentiment.stores.lake.schemas import REVIEWS
    from sentiment.stores.lake.tables import Lake

    days = Lake(context.settings.lake_root).written_days(REVIEWS, config.every_day())
    if not days:
        raise ContractError(
            f"no day from {config.from_day} to {config.last_day} was ingested; run ingest_reviews first"
        )
    return sorted(days)


def _score(days: Sequence[date], config: ScoreConfig | RescoreConfig, context: Context) -> dict[str, Any]:
    """Score days, each with its version, in one Spark session; returns what a result tells of them."""
    from sentiment.promotion.resolution import days_by_version
    from sentiment.scoring.job import score_days
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.spark import session

    settings = context.settings
    runs = [
        (_scoring(bundle, version, config, context), group)
        for (version, bundle), group in days_by_version(days, config.model, settings).items()
    ]
    counts = {"reviews": 0, "positive": 0, "needs_review": 0, "reused": 0}
    with session(settings, "score", light=True, shared=context.spark) as spark:
        for run, group in runs:
            context.progress(f"scoring {counted(len(group), 'day')} with version {run.model_version}", 0, 0)
            done = score_days(spark, Lake(settings.lake_root), group, run, context.progress)
            counts = {name: count + done[name] for name, count in counts.items()}
    versions = tuple(run.model_version for run, _ in runs)
    return {"days": len(days), "touched": tuple(days), **counts, "model_versions": versions}


def _scoring(bundle: Path, version: str, config: ScoreConfig | RescoreConfig, context: Context) -> Any:
    """Describe a run, and check bundle and engine before Spark starts: one that is not as exported costs no session."""
    from sentiment.engine.bundle import identity, read_bundle
    from sentiment.engine.engines import choose_engine
    from sentiment.scoring.worker import Scoring

    choose_engine(config.engine, read_bundle(bundle).engines)
    return Scoring(
        bundle=bundle,
        model_version=version,
        run_id=context.run_id,
        now=context.now,
        engine=config.engine,
        gate=config.gate,
        reuse=config.reuse,
        content=identity(bundle),
    )


RESOLVE_MODEL = Verb(name="resolve-model", config=ScoreConfig, result=ResolvedModel, run=resolve_model)
RESOLVE_MODELS = Verb(name="resolve-models", config=RescoreConfig, result=ResolvedModel, run=resolve_model)
SCORE = Verb(
    name="score",
    config=ScoreConfig,
    result=ScoreResult,
    run=score,
    group="Scoring",
    example="--day 2026-03-01",
    on_spark=True,
    light=True,
    writes="scores",
)
RESCORE = Verb(
    name="rescore",
    config=RescoreConfig,
    result=RescoreResult,
    run=rescore,
    group="Scoring",
    example="--from-day 2026-03-01 --to-day 2026-03-31 --model 2",
    on_spark=True,
    light=True,
    writes="scores",
)
PREDICT = Verb(
    name="predict",
    config=PredictConfig,
    result=PredictResult,
    run=predict,
    group="Scoring",
    example='"Broke after a week. Avoid."',
    positional="texts",
)
