"""One candidate trained with several seeds: as many runs, and the result of the one that is best on validation."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sentiment.core.context import Context
from sentiment.datasets.manifest import require_manifest
from sentiment.datasets.snapshot import snapshot_folder
from sentiment.stores import files as storage
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment.training.candidate import train_candidate
from sentiment.training.config.train import TrainConfig
from sentiment.training.results import SeedRun, TrainResult
from sentiment.training.unfinished import FIGURES, at_work, folder_of

_CHOSEN_BY = "validation_macro_f1"


class _Trained(BaseModel):
    """A seed's training: its result, and what it is chosen by."""

    result: TrainResult
    run: SeedRun


def train_over_seeds(config: TrainConfig, context: Context) -> TrainResult:
    """Train with `config.seeds` seeds, `config.seed` being the first, and return the result of the best on validation.

    It names every run, for `compare`. A training without chance is made once, and the note says so. The same command
    after one that was interrupted trains no seed again that had come to its end.
    """
    seeds = range(config.seed, config.seed + config.seeds)
    folder = snapshot_folder(Lake(context.settings.lake_root), config.snapshot)
    available = require_manifest(folder).splits["train"].reviews
    note = ""
    if len(seeds) > 1 and config.gives_one_model(available):
        seeds = seeds[:1]
        note = f"with all {available:,} training reviews every seed gives the same linear model: it was trained once"
    name = f"seeds-{sha256(config.model_dump_json().encode()).hexdigest()[:16]}"
    workdir = folder_of(context.settings, name)
    try:
        with at_work(workdir, config, context):
            trained = [_once(workdir / str(seed), _of_seed(config, seed), context) for seed in seeds]
    except KeyboardInterrupt:
        done = ", ".join(str(seed) for seed in seeds if (workdir / str(seed) / FIGURES).is_file()) or "none"
        on = "the same command again goes on after the last checkpoint, if there was one"
        raise KeyboardInterrupt(f"{on}; seeds that are done: {done}") from None
    if len(trained) == 1:
        result = trained[0].result
        notes = "; ".join(filter(None, (result.note, note)))
        return result.model_copy(update={"note": notes}) if note else result
    chosen = max(trained, key=lambda one: one.run.validation_macro_f1)
    return chosen.result.model_copy(update={"runs": tuple(one.run for one in trained)})


def _of_seed(config: TrainConfig, seed: int) -> TrainConfig:
    return config.model_copy(update={"seed": seed, "seeds": 1})


def _once(folder: Path, config: TrainConfig, context: Context) -> _Trained:
    """Train a seed, or read what came of it before an interruption."""
    figures = str(folder / FIGURES)
    if done := _done(figures, context):
        return done
    trained = _train(config, context)
    storage.write_bytes(figures, trained.model_dump_json().encode())
    return trained


def _done(figures: str, context: Context) -> _Trained | None:
    """Return what a seed came to, if that can be read and its run is still there."""
    content = storage.read_bytes(figures)
    try:
        done = _Trained.model_validate_json(content or b"")
    except ValidationError:
        return None
    return done if Registry(context.settings).has(done.run.run_id) else None


def _train(config: TrainConfig, context: Context) -> _Trained:
    result = train_candidate(config, context)
    kept = Registry(context.settings).trained(result.run_id).metrics
    run = SeedRun(
        seed=config.seed,
        run_id=result.run_id,
        validation_macro_f1=round(kept[_CHOSEN_BY], 4),
        accuracy=result.accuracy,
        macro_f1=result.macro_f1,
    )
    return _Trained(result=result, run=run)
