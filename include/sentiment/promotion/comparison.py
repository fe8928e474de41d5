"""Compares a training's candidates over seeds and on the same test reviews, and chooses one run of each.

A candidate is what the runs share that differ in nothing but the seed. It knows runs and their figures, no model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment.evaluation.paired_tests import bonferroni, paired_t_over_seeds
from sentiment.evaluation.predictions import OF_RUN, Predictions, read_predictions
from sentiment.evaluation.significance import compare_all, p_text
from sentiment.promotion.config import CompareConfig
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.versions import Registry

CHOSEN_BY = "validation_macro_f1"
ARTIFACT = "comparison.json"
_JUDGED = "test_macro_f1"
_FIGURES = ("accuracy", "macro_f1", "false_negative_rate_negatives", "roc_auc", "pr_auc_negatives", "log_loss", "brier")
_OVER_SEEDS = (*(f"test_{name}" for name in (*_FIGURES, "ece")), "training_seconds")


@dataclass(frozen=True)
class Candidate:
    """Runs that differ in their seed alone, and a name that no other candidate of the comparison has."""

    name: str
    runs: tuple[TrainedRun, ...]

    @property
    def chosen(self) -> TrainedRun:
        """The run that was best on validation; the test reviews have no say."""
        return max(self.runs, key=lambda run: run.metrics[CHOSEN_BY])

    def by_seed(self, figure: str) -> dict[str, float]:
        """Return a figure of every run that has it, by the run's seed."""
        return {run.params["seed"]: run.metrics[figure] for run in self.runs if figure in run.metrics}


def compare_runs(config: CompareConfig, settings: Settings, on_progress: OnProgress) -> dict[str, Any]:
    """Return the chosen run of every candidate, a row a candidate and a row a pair of them; each run keeps the table.

    The figures of a candidate are mean and standard deviation over its runs; None where one run has no deviation.
    """
    registry = Registry(settings)
    found = [registry.trained(run_id) for run_id in dict.fromkeys(config.runs)]
    candidates = group(found)
    on_progress(f"comparing {len(candidates)} candidates of {len(found)} runs", 0, 0)
    predictions = {one.name: _predictions(registry, one.chosen) for one in candidates}
    chosen = [one.chosen.run_id for one in candidates]
    result = {
        "runs": chosen,
        "candidates": [_row(one) for one in candidates],
        "comparisons": compare(candidates, predictions, config.significance),
    }
    for run_id in chosen:
        registry.attach_json(run_id, result, ARTIFACT)
    return result


def group(runs: Sequence[TrainedRun]) -> list[Candidate]:
    """Return the candidates among runs of one snapshot, in the order of their first runs."""
    _require_comparable(runs)
    groups: dict[str, list[TrainedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps(_without_seed(run), sort_keys=True), []).append(run)
    names = _names([_without_seed(members[0]) for members in groups.values()])
    return [Candidate(name, tuple(members)) for name, members in zip(names, groups.values(), strict=True)]


def compare(
    candidates: Sequence[Candidate], predictions: dict[str, Predictions], significance: float
) -> list[dict[str, Any]]:
    """Return the rows of `compare_all` for the chosen runs, each with the t-test over the seeds that both have.

    Its p-values are corrected by Bonferroni too; `over_seeds` is None where fewer than two seeds are shared.
    """
    thresholds = {one.name: one.chosen.metrics.get("threshold", 0.5) for one in candidates}
    rows = compare_all(predictions, thresholds, significance)
    over_seeds = [_over_seeds(a, b) for a, b in combinations(candidates, 2)]
    tested = [one for one in over_seeds if one]
    for one, corrected in zip(tested, bonferroni([one["p"] for one in tested]), strict=True):
        one["p_corrected"] = corrected
    return [
        {**row, "over_seeds": seeds, "verdict": _verdict(row, seeds)}
        for row, seeds in zip(rows, over_seeds, strict=True)
    ]


def _over_seeds(a: Candidate, b: Candidate) -> dict[str, Any] | None:
    """Return the paired t-test of macro F1 over the seeds that both candidates have, or None below two."""
    of_a, of_b = a.by_seed(_JUDGED), b.by_seed(_JUDGED)
    seeds = sorted(of_a.keys() & of_b.keys(), key=int)
    if len(seeds) < 2:
        return None
    found = paired_t_over_seeds([of_a[seed] for seed in seeds], [of_b[seed] for seed in seeds])
    return {
        "seeds": len(seeds),
        **{name: getattr(found, name) for name in ("difference", "low", "high")},
        "p": found.p_value,
    }


def _verdict(row: dict[str, Any], seeds: dict[str, Any] | None) -> str:
    if seeds is None:
        return str(row["verdict"])
    return (
        f"{row['verdict']}. Over {seeds['seeds']} seeds {row['a']} less {row['b']} is {seeds['difference']:+.4f} "
        f"({seeds['low']:+.4f} to {seeds['high']:+.4f}), {p_text(seeds['p_corrected'])} by paired t-test"
    )


def _row(one: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {
        "candidate": one.name,
        "family": one.chosen.params["family"],
        "seeds": [int(run.params["seed"]) for run in one.runs],
        "run_id": one.chosen.run_id,
        CHOSEN_BY: one.chosen.metrics[CHOSEN_BY],
    }
    for figure in _OVER_SEEDS:
        values = [run.metrics[figure] for run in one.runs if figure in run.metrics]
        if values:
            name = figure.removeprefix("test_")
            row |= {f"{name}_mean": mean(values), f"{name}_std": stdev(values) if len(values) > 1 else None}
    return row


def _predictions(registry: Registry, run: TrainedRun) -> Predictions:
    with TemporaryDirectory() as scratch:
        file = registry.find(run.run_id, OF_RUN, Path(scratch))
        if file is None:
            raise ContractError(f"run {run.run_id} keeps no {OF_RUN}; train it anew and compare the new run")
        return read_predictions(file)


def _without_seed(run: TrainedRun) -> dict[str, str]:
    return {name: value for name, value in run.params.items() if name != "seed"}


def _names(settings: Sequence[dict[str, str]]) -> list[str]:
    """Name candidates by their family, and where it has several, by the settings in which those differ."""
    names = []
    for one in settings:
        kin = [other for other in settings if other["family"] == one["family"]]
        differing = [name for name in sorted(one) if len({other.get(name) for other in kin}) > 1]
        names.append(", ".join([one["family"], *(f"{name}={one[name]}" for name in differing)]))
    return names


def _require_comparable(runs: Sequence[TrainedRun]) -> None:
    for run in runs:
        if not math.isfinite(run.metrics.get(CHOSEN_BY, math.nan)):
            raise ContractError(f"run {run.run_id} has no {CHOSEN_BY}; leave it out, or train it to its end")
    tests = {run.run_id: (run.params["snapshot"], run.params["test_reviews"]) for run in runs}
    if len(set(tests.values())) > 1:
        listed = "; ".join(f"{run_id} on {' / '.join(test)}" for run_id, test in tests.items())
        raise ContractError(f"the runs were tested on different reviews: {listed}. Compare runs of one snapshot")
