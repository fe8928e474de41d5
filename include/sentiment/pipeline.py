"""The verbs: one function each, a frozen configuration in, a small dict out that JSON can hold.

Airflow's tasks, the command line and the tests call these same functions. Each opens what it needs and closes it; no
review passes through what it returns.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sentiment import config as c
from sentiment.errors import ContractError
from sentiment.progress import OnProgress, logged
from sentiment.provenance import run_id

Result = dict[str, Any]


def ingest(config: c.IngestConfig, on_progress: OnProgress = logged) -> Result:
    """Bring one day's landed files into the lake."""
    from sentiment.ingest.landing import require_files_of_day

    settings = c.Settings()
    files = require_files_of_day(settings.landing_root, config.day)
    return {"day": str(config.day), **_ingest(settings, config, files, config.day, on_progress)}


def import_history(config: c.ImportHistoryConfig, on_progress: OnProgress = logged) -> Result:
    """Bring files of any number of days into the lake, in one Spark job and one commit."""
    from sentiment.ingest.landing import history_files

    return _ingest(c.Settings(), config, history_files(config.source), None, on_progress)


def missing_files(day: date) -> str | None:
    """Say what the landing lacks for a day, or None when its files are there."""
    from sentiment.ingest.landing import require_files_of_day

    try:
        require_files_of_day(c.Settings().landing_root, day)
    except ContractError as error:
        return str(error)
    return None


def missing_reviews(day: date) -> str | None:
    """Say that a day was not ingested yet, or None when it was (be it without reviews)."""
    from sentiment.lake.schemas import REVIEWS
    from sentiment.lake.tables import Lake

    lake = Lake(c.Settings().lake_root)
    if lake.written_days(REVIEWS, [day]):
        return None
    return f"{day} is not in the table reviews of {lake.root}; run ingest_reviews for that day first"


def snapshot(config: c.SnapshotConfig, on_progress: OnProgress = logged) -> Result:
    """Pin the reviews of a training; the same question gives the same snapshot without work."""
    from sentiment.datasets.pin import pinned, snapshot_folder, snapshot_id
    from sentiment.datasets.read import read_manifest
    from sentiment.lake.tables import Lake

    settings = c.Settings()
    lake = Lake(settings.lake_root)
    exact = pinned(config, lake)
    folder = snapshot_folder(lake, snapshot_id(exact))
    manifest = read_manifest(folder)
    if manifest is None:
        from sentiment.datasets.snapshot import make_snapshot
        from sentiment.spark import session, watched

        with session(settings, "snapshot") as spark, watched(spark, "pinning the snapshot", on_progress):
            manifest = make_snapshot(spark, lake, exact, folder)
    counts = {split: {k: v for k, v in part.items() if k != "categories"} for split, part in manifest["splits"].items()}
    return {
        "snapshot": manifest["id"],
        "reviews_version": exact.reviews_version,
        "from_day": str(exact.from_day),
        "to_day": str(exact.to_day),
        "cutoff": manifest["cutoff"],
        "splits": counts,
    }


def train(config: c.TrainConfig, on_progress: OnProgress = logged) -> Result:
    """Train a candidate, measure it on the test products, and leave model, figures and pictures in MLflow."""
    from sentiment.training.candidate import train_candidate

    settings = c.Settings()
    pinned_id = config.snapshot or snapshot(c.SnapshotConfig(), on_progress)["snapshot"]
    return train_candidate(config.model_copy(update={"snapshot": pinned_id}), settings, on_progress)


def export(config: c.ExportConfig, on_progress: OnProgress = logged) -> Result:
    """Export a trained run as a bundle that passed its gate, measure what will run, and register it."""
    from sentiment.export.register import export_and_register

    return export_and_register(config, c.Settings(), on_progress)


def promote(config: c.PromoteConfig, on_progress: OnProgress = logged) -> Result:
    """Compare the best candidate with baseline and champion on the same test reviews, and move the alias if due."""
    from sentiment.promotion import promote_best

    return promote_best(config, c.Settings(), on_progress)


def resolve_model(config: c.ScoreConfig | c.RescoreConfig) -> Result:
    """Resolve which version a run scores with and put its bundle into this machine's cache; no Spark.

    `champion_at_date` over a range stays as it is, because each day has its own; every version of it is fetched.
    """
    from sentiment.resolution import days_of, versions_of

    days = [config.day] if isinstance(config, c.ScoreConfig) else days_of(config)
    versions = set(versions_of(days, config.model, c.Settings()).values())
    return {"model": str(min(versions)) if len(versions) == 1 else config.model, "versions": sorted(versions)}


def score(config: c.ScoreConfig, on_progress: OnProgress = logged) -> Result:
    """Score one day of the lake; a day without reviews is an empty success."""
    lacking = missing_reviews(config.day)
    if lacking:
        raise ContractError(lacking)
    return {"day": str(config.day), **_score([config.day], config.model, on_progress)}


def rescore(config: c.RescoreConfig, on_progress: OnProgress = logged) -> Result:
    """Score all ingested days of a range anew in one Spark job, one commit a day; names the days that are missing."""
    from sentiment.lake.schemas import REVIEWS
    from sentiment.lake.tables import Lake
    from sentiment.resolution import days_of

    days = days_of(config)
    present = Lake(c.Settings().lake_root).written_days(REVIEWS, days)
    if not present:
        raise ContractError(f"no day from {config.from_day} to {config.to_day} was ingested; run ingest_reviews first")
    missing = [str(day) for day in days if day not in present]
    result = _score(sorted(present), config.model, on_progress)
    return {"from_day": str(config.from_day), "to_day": str(config.to_day), **result, "missing": missing}


def predict(config: c.PredictConfig, on_progress: OnProgress = logged) -> Result:
    """Score texts, or the rows of a file."""
    from sentiment.resolution import bundle_of
    from sentiment.scoring.engine import Scorer
    from sentiment.scoring.files import predict_file, predict_rows

    version, bundle = bundle_of(config.model, c.Settings())
    scorer = Scorer.load(bundle, threads=2)
    if config.input and config.output:
        counts = predict_file(scorer, config.input, config.output, version, on_progress)
        return {"output": str(config.output), **counts, "model_version": version}
    return {"predictions": predict_rows(scorer, [{"text": text} for text in config.texts], version)}


def sample(config: c.SampleConfig, on_progress: OnProgress = logged) -> Result:
    """Generate reviews to try the platform on."""
    from sentiment.sample.generate import generate

    return generate(config, lambda done, total: on_progress("writing days", done, total))


def report(config: c.ReportConfig, on_progress: OnProgress = logged) -> Result:
    """Show the last scored days and the model in force."""
    from sentiment.reporting import report_days

    on_progress("reading the lake", 0, 0)
    return report_days(config, c.Settings())


def doctor(config: c.DoctorConfig, on_progress: OnProgress = logged) -> Result:
    """Check this machine; ContractError names what is missing and the remedy."""
    from sentiment.local.doctor import diagnose, require

    on_progress("checking this machine", 0, 0)
    checks = diagnose(c.Settings())
    require(c.Settings())
    return {"checks": [vars(check) if not hasattr(check, "_asdict") else check._asdict() for check in checks]}


def up(config: c.PlatformConfig, on_progress: OnProgress = logged) -> Result:
    """Start the platform on this machine, after its checks; started already, it stays as it is."""
    from sentiment.local.platform import start

    platform = start(c.Settings(), lambda step: on_progress(step, 0, 0))
    return {"airflow": platform.airflow_url, "mlflow": platform.mlflow_url}


def down(config: c.PlatformConfig, on_progress: OnProgress = logged) -> Result:
    """Stop the platform on this machine."""
    from sentiment.local.platform import stop

    on_progress("stopping", 0, 0)
    return {"stopped": stop(c.Settings())}


def demo(config: c.DemoConfig, on_progress: OnProgress = logged) -> Result:
    """Run the main job on this machine, end to end, and leave the platform up."""
    from sentiment.local.demo import run_demo

    return run_demo(config, on_progress)


def _ingest(
    settings: c.Settings, options: c.IngestOptions, files: list[str], day: date | None, on_progress: OnProgress
) -> Result:
    from sentiment.ingest.job import Ingestion
    from sentiment.ingest.job import ingest as ingest_files
    from sentiment.lake.tables import Lake
    from sentiment.spark import session, watched

    run = Ingestion(files, settings.products_root, day, datetime.now(UTC), run_id())
    step = f"ingesting {len(files)} file{'s' if len(files) > 1 else ''}"
    with session(settings, "ingest") as spark, watched(spark, step, on_progress):
        return ingest_files(spark, Lake(settings.lake_root), options, run)


def _score(days: list[date], model: str, on_progress: OnProgress) -> Result:
    from sentiment.export.bundle import read_bundle
    from sentiment.lake.tables import Lake
    from sentiment.resolution import days_by_version
    from sentiment.scoring.job import Scoring, score_days
    from sentiment.spark import session, watched

    settings, now = c.Settings(), datetime.now(UTC)
    # Bundles are checked before Spark starts: one that is not as exported costs no session.
    runs = [
        (Scoring(bundle, version, read_bundle(bundle).family, run_id(), now), group)
        for (version, bundle), group in days_by_version(days, model, settings).items()
    ]
    counts = {"days": 0, "reviews": 0, "positive": 0, "needs_review": 0}
    with session(settings, "score") as spark:
        for run, group in runs:
            with watched(spark, f"scoring {len(group)} days with version {run.model_version}", on_progress):
                done = score_days(spark, Lake(settings.lake_root), group, run)
            counts = {name: count + done[name] for name, count in counts.items()}
    return {**counts, "model_versions": [run.model_version for run, _ in runs]}
