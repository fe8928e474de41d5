"""Compares a training's candidates over seeds and on the same test reviews, and chooses one run of each.

A candidate is what the runs share that differ in nothing but the seed.
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

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.evaluation.predictions import OF_RUN, Predictions, read_predictions
from sentiment.evaluation.significance import Difference, bonferroni, compare_all, p_text, paired_t_over_seeds
from sentiment.promotion.config import CompareConfig
from sentiment.promotion.results import CandidateRow, CompareResult, ComparisonRow, OverSeeds
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


def compare_runs(config: CompareConfig, registry: Registry, context: Context) -> CompareResult:
    """Compare the candidates among runs, and leave the result at the run that is chosen of each.

    The figures of a candidate are mean and standard deviation over its runs; None where one run has no deviation.
    """
    runs = [registry.trained(run_id) for run_id in dict.fromkeys(config.runs)]
    candidates = group(runs)
    context.progress(f"comparing {len(candidates)} candidates of {len(runs)} runs")
    predictions = {candidate.name: _predictions(registry, candidate.chosen) for candidate in candidates}
    result = CompareResult(
        runs=tuple(candidate.chosen.run_id for candidate in candidates),
        candidates=tuple(_row(candidate) for candidate in candidates),
        comparisons=tuple(compare(candidates, predictions, config.significance)),
    )
    for run_id in result.runs:
        registry.handle(run_id).log_json(result.model_dump(mode="json"), ARTIFACT)
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
) -> list[ComparisonRow]:
    """Return the rows of `compare_all` for the chosen runs, each with the t-test over the seeds that both have."""
    thresholds = {candidate.name: candidate.chosen.metrics.get("threshold", 0.5) for candidate in candidates}
    rows = compare_all(predictions, thresholds, significance)
    over_seeds = _over_seeds(candidates)
    return [
        ComparisonRow(**{**row, "verdict": _verdict(row, seeds)}, over_seeds=seeds)
        for row, seeds in zip(rows, over_seeds, strict=True)
    ]


def _over_seeds(candidates: Sequence[Candidate]) -> list[OverSeeds | None]:
    """Return the paired t-test of macro F1 of every pair over the seeds that both have, None below two."""
    tests = [_t_test(a, b) for a, b in combinations(candidates, 2)]
    corrected = iter(bonferroni([test.p_value for _, test in filter(None, tests)]))
    return [
        None
        if pair is None
        else OverSeeds(
            seeds=pair[0],
            difference=pair[1].difference,
            low=pair[1].low,
            high=pair[1].high,
            p=pair[1].p_value,
            p_corrected=next(corrected),
        )
        for pair in tests
    ]


def _t_test(a: Candidate, b: Candidate) -> tuple[int, Difference] | None:
    """Return how many seeds two candidates share, and the difference over them."""
    of_a, of_b = a.by_seed(_JUDGED), b.by_seed(_JUDGED)
    seeds = sorted(of_a.keys() & of_b.keys(), key=int)
    if len(seeds) < 2:
        return None
    return len(seeds), paired_t_over_seeds([of_a[seed] for seed in seeds], [of_b[seed] for seed in seeds])


def _verdict(row: dict[str, Any], seeds: OverSeeds | None) -> str:
    if seeds is None:
        return str(row["verdict"])
    return (
        f"{row['verdict']}. Over {seeds.seeds} seeds {row['a']} less {row['b']} is {seeds.difference:+.4f} "
        f"({seeds.low:+.4f} to {seeds.high:+.4f}), {p_text(seeds.p_corrected)} by paired t-test"
    )


def _row(candidate: Candidate) -> CandidateRow:
    over_seeds: dict[str, float | None] = {}
    for figure in _OVER_SEEDS:
        values = [run.metrics[figure] for run in candidate.runs if figure in run.metrics]
        if values:
            name = figure.removeprefix("test_")
            over_seeds[f"{name}_mean"] = mean(values)
            over_seeds[f"{name}_std"] = stdev(values) if len(values) > 1 else None
    return CandidateRow(
        candidate=candidate.name,
        family=candidate.chosen.params["family"],
        seeds=tuple(int(run.params["seed"]) for run in candidate.runs),
        run_id=candidate.chosen.run_id,
        validation_macro_f1=candidate.chosen.metrics[CHOSEN_BY],
        **over_seeds,
    )


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
    for own in settings:
        kin = [other for other in settings if other["family"] == own["family"]]
        differing = [name for name in sorted(own) if len({other.get(name) for other in kin}) > 1]
        names.append(", ".join([own["family"], *(f"{name}={own[name]}" for name in differing)]))
    return names


def _require_comparable(runs: Sequence[TrainedRun]) -> None:
    for run in runs:
        if not math.isfinite(run.metrics.get(CHOSEN_BY, math.nan)):
            raise ContractError(f"run {run.run_id} has no {CHOSEN_BY}; leave it out, or train it to its end")
    tests = {run.run_id: (run.params["snapshot"], run.params["test_reviews"]) for run in runs}
    if len(set(tests.values())) > 1:
        listed = "; ".join(f"{run_id} on {' / '.join(test)}" for run_id, test in tests.items())
        raise ContractError(f"the runs were tested on different reviews: {listed}. Compare runs of one snapshot")
