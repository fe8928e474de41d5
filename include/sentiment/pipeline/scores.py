"""Scores: of days, ranges, texts and files, and what is shown of them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sentiment import config as c
from sentiment.errors import ContractError
from sentiment.pipeline.result import Result
from sentiment.pipeline.reviews import missing_reviews
from sentiment.progress import OnProgress, logged
from sentiment.provenance import run_id

if TYPE_CHECKING:
    from sentiment.scoring.scorer import Scorer
    from sentiment.scoring.worker import Scoring

# Rows of a file that are shown where no output is named.
_SHOWN_ROWS = 20


def resolve_model(config: c.ScoreConfig | c.RescoreConfig) -> Result:
    """Resolve which version a run scores with and put its bundle into this machine's cache; no Spark.

    `pinned` is what the next task scores with: the version and its content. `champion_at_date` over a range stays as it
    is, because each day has its own; every version of it is fetched.
    """
    from sentiment.resolution import bundles_of

    days = _days_to_score(config) if isinstance(config, c.ScoreConfig) else _ingested(config)
    bundles = bundles_of(days, config.model, c.Settings())
    if len(bundles) > 1:
        return {"model": config.model, "versions": sorted(bundles), "pinned": config.model}
    ((version, content),) = bundles.items()
    return {"model": str(version), "versions": [version], "pinned": f"{version}@{content}"}


def score(config: c.ScoreConfig, on_progress: OnProgress = logged) -> Result:
    """Score one day of the lake, and the days before it that changed; a day without reviews is an empty success."""
    lacking = missing_reviews(config.day)
    if lacking:
        raise ContractError(lacking)
    days = _days_to_score(config)
    scored = _score(days, config, on_progress)
    return {"day": str(config.day), **scored, "also": [str(day) for day in days if day != config.day]}


def rescore(config: c.RescoreConfig, on_progress: OnProgress = logged) -> Result:
    """Score all ingested days of a range in one Spark job, one commit a day; names the days that are missing."""
    from sentiment.resolution import days_of

    present = _ingested(config)
    missing = [str(day) for day in sorted({*days_of(config)} - {*present})]
    result = _score(present, config, on_progress)
    return {"from_day": str(config.from_day), "to_day": str(config.last_day), **result, "missing": missing}


def _ingested(config: c.RescoreConfig) -> list[date]:
    """Return the days of a range that the lake holds, which may be few of many."""
    from sentiment.lake.schemas import REVIEWS
    from sentiment.lake.tables import Lake
    from sentiment.resolution import days_of

    days = Lake(c.Settings().lake_root).written_days(REVIEWS, days_of(config))
    if not days:
        raise ContractError(
            f"no day from {config.from_day} to {config.last_day} was ingested; run ingest_reviews first"
        )
    return sorted(days)


def predict(config: c.PredictConfig, on_progress: OnProgress = logged) -> Result:
    """Score texts, or the rows of a file or a pipe."""
    from sentiment.resolution import bundle_of
    from sentiment.scoring.files import predict_rows
    from sentiment.scoring.scorer import Scorer

    version, bundle = bundle_of(config.model, c.Settings())
    scorer = Scorer.load(bundle, engine=config.engine, gate=config.gate, threads=2)
    if config.input is None:
        return {"predictions": predict_rows(scorer, [{"text": text} for text in config.texts], version)}
    with ExitStack() as pipes:
        return _predict_rows_of(config, config.input, scorer, version, pipes, on_progress)


def _predict_rows_of(
    config: c.PredictConfig, given: Path, scorer: Scorer, version: str, pipes: ExitStack, on_progress: OnProgress
) -> Result:
    """Score a file or a pipe into a file or a pipe; without either, return its first rows."""
    from sentiment.scoring.files import predict_file
    from sentiment.scoring.pipes import received, sent
    from sentiment.scoring.rows import read_rows

    source = pipes.enter_context(received()) if str(given) == c.PIPE else given
    predicted = partial(predict_file, formulas_as_text=config.formulas_as_text)
    if config.output and str(config.output) != c.PIPE:
        counts = predicted(scorer, source, config.output, version, on_progress)
        return {"output": str(config.output), **counts, "model_version": version}
    if config.output:
        return predicted(scorer, source, pipes.enter_context(sent(source)), version, on_progress)
    shown = Path(pipes.enter_context(TemporaryDirectory())) / "shown.jsonl"
    counts = predicted(scorer, source, shown, version, on_progress)
    first = list(islice(read_rows(shown), _SHOWN_ROWS))
    rest = {"more": "--output FILE writes all rows"} if counts["rows"] > len(first) else {}
    return {"predictions": first, **counts, **rest}


def report(config: c.ReportConfig, on_progress: OnProgress = logged) -> Result:
    """Show the last scored days and the model in force."""
    from sentiment.reporting import report_days

    on_progress("reading the lake", 0, 0)
    return report_days(config, c.Settings())


def _days_to_score(config: c.ScoreConfig) -> list[date]:
    """Return the day, and those of the look-back that a run is due to score again or for the first time."""
    from sentiment.lake.states import day_states
    from sentiment.lake.tables import Lake

    due = {"stale", "ingested"} if config.catch_up else {"stale"}
    before = [config.day - timedelta(n) for n in range(config.look_back, 0, -1)]
    states = day_states(Lake(c.Settings().lake_root), before)
    return [*(day for day in before if states[day] in due), config.day]


def _score(days: list[date], config: c.ScoreConfig | c.RescoreConfig, on_progress: OnProgress) -> Result:
    from sentiment.lake.tables import Lake
    from sentiment.resolution import days_by_version
    from sentiment.scoring.job import score_days
    from sentiment.spark import session

    settings, now = c.Settings(), datetime.now(UTC)
    runs = [
        (_scoring(bundle, version, config, now), group)
        for (version, bundle), group in days_by_version(days, config.model, settings).items()
    ]
    counts = {"reviews": 0, "positive": 0, "needs_review": 0, "reused": 0}
    with session(settings, "score", light=True) as spark:
        for run, group in runs:
            on_progress(f"scoring {len(group)} days with version {run.model_version}", 0, 0)
            done = score_days(spark, Lake(settings.lake_root), group, run, on_progress)
            counts = {name: count + done[name] for name, count in counts.items()}
    touched = {"days": len(days), "touched": [str(day) for day in days]}
    return {**touched, **counts, "model_versions": [run.model_version for run, _ in runs]}


def _scoring(bundle: Path, version: str, config: c.ScoreConfig | c.RescoreConfig, now: datetime) -> Scoring:
    """Describe a run, and check bundle and engine before Spark starts: one that is not as exported costs no session."""
    from sentiment.export.bundle import identity, read_bundle
    from sentiment.scoring.engines import choose_engine
    from sentiment.scoring.worker import Scoring

    choose_engine(config.engine, read_bundle(bundle).engines)
    return Scoring(bundle, version, run_id(), now, config.engine, config.gate, config.reuse, identity(bundle))
