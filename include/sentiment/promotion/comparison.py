"""Compares a training's candidates on the same test reviews, over seeds and over folds, and chooses one run of each.

A candidate is what the runs share that differ in nothing but the seed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.evaluation.predictions import OF_RUN, Predictions, read_predictions
from sentiment.evaluation.repetition import corrected_t_over_folds, in_words, paired_t_over_seeds
from sentiment.evaluation.results import Pair, Repeated
from sentiment.evaluation.significance import bonferroni, compare_all
from sentiment.promotion.config import CompareConfig
from sentiment.promotion.results import CandidateRow, CompareResult, ComparisonRow, OverTrainings
from sentiment.stores.registry.entries import TrainedRun
from sentiment.stores.registry.versions import Registry

CHOSEN_BY = "validation_macro_f1"
ARTIFACT = "comparison.json"
OF_FOLDS = "cross_validation.json"
_JUDGED = "test_macro_f1"
_FIGURES = ("accuracy", "macro_f1", "false_negative_rate_negatives", "roc_auc", "pr_auc_negatives", "log_loss", "brier")
_OVER_SEEDS = (*(f"test_{name}" for name in (*_FIGURES, "ece")), "training_seconds")


@dataclass(frozen=True)
class Folds:
    """A run's cross-validation: the macro F1 of each fold, and on how many reviews each was tested and trained."""

    macro_f1: tuple[float, ...]
    test_reviews: tuple[int, ...]
    train_reviews: tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """Runs that differ in their seed alone, each another model, and a name that no other candidate has.

    `repeated` counts the runs that were left out, for they gave the same model as another one.
    """

    name: str
    runs: tuple[TrainedRun, ...]
    repeated: int = 0

    @property
    def chosen(self) -> TrainedRun:
        """The run that was best on validation; the test reviews have no say."""
        return max(self.runs, key=lambda run: run.metrics[CHOSEN_BY])

    def by_seed(self) -> dict[str, TrainedRun]:
        """Return its runs by their seeds."""
        return {run.params["seed"]: run for run in self.runs}


def compare_runs(config: CompareConfig, registry: Registry, context: Context) -> CompareResult:
    """Compare the candidates among runs, and leave the result at the run that is chosen of each.

    The figures of a candidate are mean and standard deviation over its runs; None where one run has no deviation.
    """
    runs = [registry.trained(run_id) for run_id in dict.fromkeys(config.runs)]
    candidates = group(runs)
    context.progress(f"comparing {len(candidates)} candidates of {len(runs)} runs")
    predictions = {candidate.name: _predictions(registry, candidate.chosen) for candidate in candidates}
    folds = {run.run_id: _folds(registry, run) for candidate in candidates for run in candidate.runs}
    result = CompareResult(
        runs=tuple(candidate.chosen.run_id for candidate in candidates),
        candidates=tuple(_row(candidate) for candidate in candidates),
        comparisons=tuple(_compare(candidates, predictions, folds, config)),
    )
    for run_id in result.runs:
        registry.handle(run_id).log_json(result.model_dump(mode="json"), ARTIFACT)
    return result


def group(runs: Sequence[TrainedRun]) -> list[Candidate]:
    """Return the candidates among runs, in the order of their first runs; of runs that gave one model the first.

    The same seed twice, or other seeds of a training without chance, are one observation however often repeated.
    """
    for run in runs:
        run.require(("family", "seed", "snapshot"), (CHOSEN_BY,))
    groups: dict[str, list[TrainedRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps(_settings(run), sort_keys=True), []).append(run)
    names = _names([_settings(members[0]) for members in groups.values()])
    different = [_different(members) for members in groups.values()]
    counts = map(len, groups.values())
    return [
        Candidate(name, kept, count - len(kept)) for name, kept, count in zip(names, different, counts, strict=True)
    ]


def _settings(run: TrainedRun) -> dict[str, str]:
    """Return what makes a candidate: all but the seed; of the test, the number of reviews that there really were."""
    tested = run.metrics.get("test_reviews_used", run.params.get("test_reviews", ""))
    shared = {name: value for name, value in run.params.items() if name != "seed"}
    return shared | {"test_reviews": f"{float(tested or 0):.0f}"}


def _different(runs: Sequence[TrainedRun]) -> tuple[TrainedRun, ...]:
    """Return the first run of each seed whose figures on validation and test are no other run's."""
    of_seed = {run.params["seed"]: run for run in reversed(runs)}
    of_figures = {_figures(run): run for run in reversed([run for run in runs if of_seed[run.params["seed"]] is run])}
    return tuple(run for run in runs if of_figures.get(_figures(run)) is run)


def _figures(run: TrainedRun) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(item for item in run.metrics.items() if item[0].startswith(("validation_", "test_"))))


def _compare(
    candidates: Sequence[Candidate],
    predictions: dict[str, Predictions],
    folds: dict[str, Folds | None],
    config: CompareConfig,
) -> list[ComparisonRow]:
    """Return the rows of `compare_all` for the chosen runs, with the tests over the seeds and folds that both have."""
    thresholds = {candidate.name: candidate.chosen.metrics.get("threshold", 0.5) for candidate in candidates}
    pairs = compare_all(predictions, thresholds, config.significance, config.margin)
    over_seeds = _over_trainings(candidates, _t_over_seeds)
    over_folds = _over_trainings(candidates, lambda a, b: _t_over_folds(a, b, folds))
    sides = combinations(candidates, 2)
    rows = zip(sides, pairs, over_seeds, over_folds, strict=True)
    return [
        ComparisonRow(
            **{**vars(pair), "verdict": _verdict(both, pair, seeds, by_fold, config.significance)},
            over_seeds=seeds,
            over_folds=by_fold,
        )
        for both, pair, seeds, by_fold in rows
    ]


def _verdict(
    sides: tuple[Candidate, Candidate],
    pair: Pair,
    seeds: OverTrainings | None,
    folds: OverTrainings | None,
    significance: float,
) -> str:
    """Say who is better of the chosen runs, and which way of training is: two questions that may differ in answer."""
    said = [f"The chosen runs: {pair.verdict[0].lower()}{pair.verdict[1:]}"]
    for found, what in ((seeds, ("seeds", "paired t-test")), (folds, ("folds", "corrected resampled t-test"))):
        if found:
            said.append(in_words((pair.a, pair.b), found, found.p_corrected, what, significance))
    said += [
        f"All {side.repeated + 1} runs of {side.name} gave one model and count once, so nothing is tested over seeds"
        for side in sides
        if side.repeated and len(side.runs) == 1 and seeds is None
    ]
    return ". ".join(said)


def _over_trainings(
    candidates: Sequence[Candidate], test: Callable[[Candidate, Candidate], Repeated | None]
) -> list[OverTrainings | None]:
    """Return the test of every pair, None where there is none, with p-values corrected for how many there are."""
    tests = [test(a, b) for a, b in combinations(candidates, 2)]
    corrected = iter(bonferroni([found.p_value for found in tests if found]))
    return [OverTrainings(**vars(found), p_corrected=next(corrected)) if found else None for found in tests]


def _t_over_seeds(a: Candidate, b: Candidate) -> Repeated | None:
    """Return the paired t-test of macro F1 on the test over the seeds that two candidates share, None below two."""
    pairs = _shared(a, b)
    judged = [(one.metrics.get(_JUDGED), other.metrics.get(_JUDGED)) for one, other in pairs]
    known = [(one, other) for one, other in judged if one is not None and other is not None]
    return paired_t_over_seeds(*map(list, zip(*known, strict=True))) if len(known) > 1 else None


def _t_over_folds(a: Candidate, b: Candidate, folds: dict[str, Folds | None]) -> Repeated | None:
    """Return the corrected t-test over the folds that two candidates share: of one seed, snapshot and size."""
    pairs = [
        (folds[one.run_id], folds[other.run_id])
        for one, other in _shared(a, b)
        if one.params["snapshot"] == other.params["snapshot"]
    ]
    both = [(one, other) for one, other in pairs if one and other and one.test_reviews == other.test_reviews]
    if not both:
        return None
    of_a, of_b = ([figure for pair in both for figure in pair[side].macro_f1] for side in (0, 1))
    first = both[0][0]
    return corrected_t_over_folds(of_a, of_b, max(first.test_reviews), min(first.train_reviews))


def _shared(a: Candidate, b: Candidate) -> list[tuple[TrainedRun, TrainedRun]]:
    of_a, of_b = a.by_seed(), b.by_seed()
    return [(of_a[seed], of_b[seed]) for seed in sorted(of_a.keys() & of_b.keys(), key=int)]


def _row(candidate: Candidate) -> CandidateRow:
    over_seeds: dict[str, float | None] = {}
    for figure in _OVER_SEEDS:
        values = [run.metrics[figure] for run in candidate.runs if figure in run.metrics]
        if values:
            name = figure.removeprefix("test_")
            over_seeds |= {f"{name}_mean": mean(values), f"{name}_std": stdev(values) if len(values) > 1 else None}
    chosen = candidate.chosen
    return CandidateRow(
        candidate=candidate.name,
        family=chosen.params["family"],
        seeds=tuple(int(run.params["seed"]) for run in candidate.runs),
        repeated=candidate.repeated,
        run_id=chosen.run_id,
        validation_macro_f1=chosen.metrics[CHOSEN_BY],
        **over_seeds,
    )


def _folds(registry: Registry, run: TrainedRun) -> Folds | None:
    """Return what a run keeps of its cross-validation, None where it made none."""
    if not int(run.params.get("folds", 0)):
        return None
    with TemporaryDirectory() as scratch:
        file = registry.find(run.run_id, OF_FOLDS, Path(scratch))
        rows = json.loads(file.read_text(encoding="utf-8"))["folds"] if file else []
    sizes = [[int(row[name]) for row in rows] for name in ("test_reviews", "train_reviews")]
    return Folds(tuple(row["macro_f1"] for row in rows), *map(tuple, sizes)) if rows else None


def _predictions(registry: Registry, run: TrainedRun) -> Predictions:
    with TemporaryDirectory() as scratch:
        file = registry.find(run.run_id, OF_RUN, Path(scratch))
        if file is None:
            raise ContractError(f"run {run.run_id} keeps no {OF_RUN}; train it anew and compare the new run")
        return read_predictions(file)


def _names(settings: Sequence[dict[str, str]]) -> list[str]:
    """Name candidates by their family, and where it has several, by the settings in which those differ."""
    names = []
    for own in settings:
        kin = [other for other in settings if other["family"] == own["family"]]
        differing = [name for name in sorted(own) if len({other.get(name) for other in kin}) > 1]
        names.append(", ".join([own["family"], *(f"{name}={own[name]}" for name in differing)]))
    return names
