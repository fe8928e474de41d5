"""The main job on one machine, end to end, through Airflow: import, train, promote, backfill days, report.

It talks to the platform as its users do, through Airflow's API; it runs no stage itself. Each of its runs has a name
made of what it is asked for, so that a demo that was interrupted goes on where it was and does nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sentiment.core.atomic import replacing
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress
from sentiment.core.settings import PROJECT, Settings
from sentiment.core.wording import counted
from sentiment.ingest import landing
from sentiment.ingest.config import ImportResult
from sentiment.ingest.verbs import IMPORT_HISTORY
from sentiment.readers.config import ReviewOptions
from sentiment.stores import files as storage
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake
from sentiment.training.config.train import TrainConfig
from sentiment.views.config import ReportConfig
from sentiment.views.verbs import REPORT
from sentiment_local import platform
from sentiment_local.airflow_api import AirflowApi
from sentiment_local.config import DemoConfig, SampleConfig
from sentiment_local.demo_files import DAILY, lay_out
from sentiment_local.demo_home import days_left_out, has_days, landed_days, make_current, make_home, review_history
from sentiment_local.demo_schedules import unpaused, what_now
from sentiment_local.doctor import diagnose, require
from sentiment_local.login import read_login
from sentiment_local.results import DemoResult
from sentiment_local.runs import Runs
from sentiment_local.status import Platform, status
from sentiment_local.watch import Watch

DAGS = ("import_history", "ingest_reviews", "train_models", "score_reviews")
# Enough test reviews for half a point of accuracy, few enough for the ten minutes that the demo may take.
_TEST_REVIEWS, _EVALUATION_REVIEWS = 2_000, 1_000
_MADE_TEXTS = 0.3  # of the reviews
# A tenth of the products is for validation: of 50 five, of ten one time in three none.
_FEW_PRODUCTS = 50
# A cascade of 100,000 reviews, the default, would take two minutes more.
_EXPORT = {"parity_reviews": 500, "calibration_reviews": 100, "cascade_reviews": 30_000, "cascade_validation": 2_000}


def run_demo(config: DemoConfig, context: Context) -> DemoResult:
    """Run the demo, or go on with it, in a home of its input's own; the platform stays up."""
    context = replace(context, settings=_prepared(config, context))
    settings = context.settings
    seconds: dict[str, float] = {}
    with _timed(seconds, "platform"):
        running = platform.start(settings, context.progress)
    try:
        watch = Watch(settings, context.progress)
        with platform.open_airflow(settings, watch) as airflow:
            runs = Runs(airflow, running.airflow_url, context.progress, watch.look)
            imported = main_job(airflow, runs, config, context, seconds)
            now = what_now(airflow, DAGS)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "the platform stays up and works on; `make demo` goes on from there, `make down` stops it"
        ) from None
    return _summary(config, context, imported, seconds, running, now)


def main_job(
    airflow: AirflowApi, runs: Runs, config: DemoConfig, context: Context, seconds: dict[str, float]
) -> ImportResult:
    """Import, train, ingest and score days that have ended; `seconds` takes how long each stage was.

    Returns what the import came to. The DAGs are left as they were, after a failure too.
    """
    days = last_in_a_row(landed_days(context.settings, context.now.date()), config.days)
    source = review_history(context.settings)
    airflow.wait_for_dags(DAGS)
    with unpaused(airflow, context.settings.home, DAGS):
        return _worked(runs, config, context, source, days, seconds)


def _worked(
    runs: Runs, config: DemoConfig, context: Context, source: str, days: list[date], seconds: dict[str, float]
) -> ImportResult:
    settings = context.settings
    written = {day: _written(settings.landing_root, day) for day in days}
    import_id = _run_id("import", {"source": source}, _identity(source, settings.products_root))
    with _timed(seconds, "import history"):
        importing = runs.start("import_history", {"source": source}, import_id)
        runs.wait(importing)
    imported = IMPORT_HISTORY.result.model_validate(runs.result(importing, "import_history"))
    asked = _training(config) | split_of(settings, imported.reviews_version, context.progress)
    with _timed(seconds, "train, export, promote; ingest days meanwhile"):
        training = runs.start("train_models", asked, _run_id("train", asked, import_id))
        # The days are read while models train; not before the snapshot is pinned, so that it is the history's alone.
        runs.wait_for_task(training, "snapshot")
        runs.wait(training, runs.complete("ingest_reviews", days, importing, written))
    with _timed(seconds, "score days"):
        runs.wait(runs.complete("score_reviews", days, training, written))
    return imported


def _prepared(config: DemoConfig, context: Context) -> Settings:
    of_file = config.reviews is not None and not has_days(config.reviews)
    if not of_file and config.model_dump(include={*ReviewOptions.model_fields}, exclude_defaults=True):
        raise ContractError(
            f"how the files of a folder with {DAILY}/ are read stands in _columns.json beside them (docs/files.md); "
            "--columns and the like are for one file"
        )
    root = PROJECT / "var"
    settings = make_home(root, config.reviews, context.settings)
    folder = settings.home / "reviews"
    if config.reviews and of_file:
        lay_out(Path(storage.resolved(str(config.reviews))), folder, config, context.now, context.progress)
    elif config.reviews is None and not (folder / DAILY).is_dir():
        from sentiment_local.sample.generate import generate

        # Whole or not at all: what an interruption left of it would be taken for the sample.
        with replacing(folder) as aside:
            generate(SampleConfig(output=aside), context.progress)
    make_current(root, settings.home, context.settings, platform.stop)
    if not status(settings).started:
        require(diagnose(settings))
    return settings


def _run_id(step: str, conf: dict[str, Any], identity: str) -> str:
    """Name a run by what it is asked for: the same question is the same run."""
    digest = hashlib.sha256(json.dumps([conf, identity], sort_keys=True).encode()).hexdigest()
    return f"demo__{step}__{digest[:12]}"


def _identity(source: str, products: str) -> str:
    """Say of a history's files and of the products' what changes with each of them."""
    files = (*storage.look(source), *landing.product_files(products))
    return json.dumps([[file.uri, file.size, file.modified] for file in files])


def _written(root: str, day: date) -> datetime:
    """Return when the last of a day's files came to the landing."""
    return datetime.fromtimestamp(max((file.modified for file in landing.files_of_day(root, day)), default=0), UTC)


def last_in_a_row(days: Sequence[date], count: int) -> list[date]:
    """Return the last days without a gap, at most so many: a backfill is a range, and a day without a file waits."""
    chosen = [days[-1]]
    for day in reversed(days[:-1]):
        if len(chosen) == count or (chosen[-1] - day).days != 1:
            break
        chosen.append(day)
    return chosen[::-1]


def _training(config: DemoConfig) -> dict[str, Any]:
    sizes = {"test_reviews": _TEST_REVIEWS, "evaluation_reviews": _EVALUATION_REVIEWS}
    models = (
        TrainConfig(family="linear", train_reviews=config.linear_reviews, **sizes),
        # Of few reviews made texts teach what a person tries first: short sentences, and denials.
        TrainConfig(
            family="encoder", train_reviews=config.encoder_reviews, evaluations=1, augmentation=_MADE_TEXTS, **sizes
        ),
    )
    candidates = [model.model_dump(mode="json", exclude_unset=True) for model in models]
    return {"candidates": candidates, "seeds": 1, **_EXPORT}


def split_of(settings: Settings, version: int, on_progress: OnProgress) -> dict[str, str]:
    """Return the setting that splits a version of `reviews` at random where its products are few, and say so.

    By product, few products leave a split without reviews, or without those of a label.
    """
    reviews, products = Lake(settings.lake_root).state(REVIEWS, version), set[str]()
    for day in reviews.days:
        products.update(reviews.read((day, day), ["parent_asin"])["parent_asin"].unique().to_pylist())
        if len(products) >= _FEW_PRODUCTS:
            return {}
    on_progress(
        f"the history is of {counted(len(products), 'product')}, and fewer than {_FEW_PRODUCTS} cannot be split by "
        "product: training, validation and test are drawn at random, and the test has products that were trained on"
    )
    return {"split": "random"}


def _summary(
    config: DemoConfig,
    context: Context,
    imported: ImportResult,
    seconds: dict[str, float],
    running: Platform,
    now: str,
) -> DemoResult:
    from sentiment.stores.registry.versions import Registry

    settings = context.settings
    report = REPORT.run(ReportConfig(days=config.days), context)
    left_out = days_left_out(settings, context.now.date())
    return DemoResult(
        **{name: getattr(report, name) for name in report.model_fields_set},
        history=imported.model_dump(include={"read", "kept", "duplicate", "rejected"}),
        **({"left_out": left_out} if left_out else {}),
        seconds={stage: round(value) for stage, value in seconds.items()},
        lake=settings.lake_root,
        airflow=running.airflow_url,
        **vars(read_login(settings)),
        mlflow=Registry(settings).runs_address(),
        now=now,
        stop="make down",
    )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - began
