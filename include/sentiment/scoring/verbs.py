"""Scores: of a day, of a range, of texts and files, and which version they are made with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.names import CHAMPION
from sentiment.core.verb import Verb
from sentiment.core.wording import counted
from sentiment.scoring.config import PredictConfig, RescoreConfig, ScoreConfig
from sentiment.scoring.results import PredictResult, RescoreResult, ResolvedModel, ScoreCounts, ScoreResult

if TYPE_CHECKING:
    from sentiment.promotion.resolution import VersionDays
    from sentiment.scoring.worker import Scoring


def resolve_model(config: ScoreConfig | RescoreConfig, context: Context) -> ResolvedModel:
    """Resolve which version a run scores with and put its bundle into this machine's cache; no Spark.

    A champion that somebody made in MLflow is written down in the ledger on this occasion.
    """
    from sentiment.promotion.resolution import ModelChoice, resolve
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.ledger import observe
    from sentiment.stores.registry.versions import Registry

    settings, choice = context.settings, ModelChoice.parsed(config.model)
    days = _due_days(config, context) if isinstance(config, ScoreConfig) else _ingested(config, context)
    if choice.version is None:
        registry = Registry(settings)
        observe(Lake(settings.lake_root), lambda: registry.alias(CHAMPION), context)
    resolved = resolve(days, choice, settings, Registry)
    versions = tuple(found.version for found in resolved)
    if len(resolved) > 1:
        return ResolvedModel(model=config.model, versions=versions, pinned=config.model)
    (version,) = versions
    # Until it scores, a run may find days due on which another version was champion.
    pinned = config.model if choice.at_date else f"{version}@{resolved[0].bundle.content}"
    return ResolvedModel(model=str(version), versions=versions, pinned=pinned)


def score(config: ScoreConfig, context: Context) -> ScoreResult:
    """Score one day of the lake, and the days before it that changed; a day without reviews is an empty success."""
    from sentiment.stores.lake.states import missing_reviews
    from sentiment.stores.lake.tables import Lake

    lacking = missing_reviews(Lake(context.settings.lake_root), config.day)
    if lacking:
        raise ContractError(lacking)
    days = _due_days(config, context)
    counts, versions = _score(days, config, context)
    return ScoreResult(
        day=config.day,
        also=tuple(day for day in days if day != config.day),
        days=len(days),
        touched=tuple(days),
        **vars(counts),
        model_versions=versions,
    )


def rescore(config: RescoreConfig, context: Context) -> RescoreResult:
    """Score all ingested days of a range in one session of Spark, 30 days a commit; names the days that are missing."""
    days = _ingested(config, context)
    counts, versions = _score(days, config, context)
    return RescoreResult(
        from_day=config.from_day,
        to_day=config.last_day,
        missing=tuple(sorted({*config.every_day()} - {*days})),
        days=len(days),
        touched=tuple(days),
        **vars(counts),
        model_versions=versions,
    )


def predict(config: PredictConfig, context: Context) -> PredictResult:
    """Score texts, or the rows of a file or a pipe."""
    from sentiment.scoring.files import predict_rows, predict_source, require_files

    require_files(config)
    from sentiment.engine.scorer import Scorer
    from sentiment.promotion.resolution import bundle_of

    version, bundle = bundle_of(config.model, context.now.date(), context.settings)
    scorer = Scorer.load(
        bundle.folder, engine=config.engine, cascade=config.cascade, threads=2, review_below=config.review_below
    )
    if config.input is None:
        rows = predict_rows(scorer, [{"text": text} for text in config.texts], version)
        return PredictResult(predictions=tuple(rows))
    return predict_source(config, config.input, scorer, version, context.progress)


def _due_days(config: ScoreConfig, context: Context) -> list[date]:
    """Return the day, and those of the look-back that a run is due to score again or for the first time."""
    from sentiment.stores.lake.states import day_states
    from sentiment.stores.lake.tables import Lake

    due = {"stale", "ingested"} if config.catch_up else {"stale"}
    before = [config.day - timedelta(n) for n in range(config.days_before, 0, -1)]
    states = day_states(Lake(context.settings.lake_root), before)
    return [*(day for day in before if states[day] in due), config.day]


def _ingested(config: RescoreConfig, context: Context) -> list[date]:
    """Return the days of a range that the lake holds, which may be few of many.

    Of some it holds scores alone: their reviews are gone, and the scores go with them.
    """
    from sentiment.stores.lake.schemas import REVIEWS, SCORES
    from sentiment.stores.lake.tables import Lake

    lake, asked = Lake(context.settings.lake_root), config.every_day()
    days = lake.written_days(REVIEWS, asked) | lake.written_days(SCORES, asked)
    if not days:
        raise ContractError(
            f"no day from {config.from_day} to {config.last_day} was ingested; run ingest_reviews first"
        )
    return sorted(days)


def _score(
    days: Sequence[date], config: ScoreConfig | RescoreConfig, context: Context
) -> tuple[ScoreCounts, tuple[int, ...]]:
    """Score days, each with its version, in one Spark session; return what was counted, and the versions."""
    from sentiment.promotion.resolution import ModelChoice, resolve
    from sentiment.scoring.job import score_days
    from sentiment.stores.lake.tables import Lake
    from sentiment.stores.registry.versions import Registry
    from sentiment.stores.spark import session

    settings = context.settings
    resolved = resolve(days, ModelChoice.parsed(config.model), settings, Registry)
    runs = [(_scoring(found, config, context), found.days) for found in resolved]
    counts = ScoreCounts()
    with session(settings, "score", light=SCORE.light, shared=context.spark) as spark:
        for run, group in runs:
            context.progress(f"scoring {counted(len(group), 'day')} with version {run.version}")
            counts += score_days(spark, Lake(settings.lake_root), group, run, context.progress)
    return counts, tuple(run.version for run, _ in runs)


def _scoring(found: VersionDays, config: ScoreConfig | RescoreConfig, context: Context) -> Scoring:
    """Describe a run, and check the engine before Spark starts: one that cannot run costs no session."""
    from sentiment.engine.engines import choose_engine
    from sentiment.scoring.worker import BY_NETWORK, Scoring

    description = found.bundle.description
    choose_engine(config.engine, description.engines)
    own_limit = description.thresholds_of(config.cascade).needs_review
    without_gate = description.gate is not None and not config.cascade
    return Scoring(
        bundle=found.bundle.folder,
        version=found.version,
        run_id=context.run_id,
        now=context.now,
        engine=config.engine,
        cascade=config.cascade,
        reuse=config.reuse,
        content=f"{found.bundle.content}{BY_NETWORK}" if without_gate else found.bundle.content,
        review_below=own_limit if config.review_below is None else config.review_below,
        provenance=context.provenance,
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
