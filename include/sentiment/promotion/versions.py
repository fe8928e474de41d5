"""Gathers what versions said of test reviews and how they behaved: from themselves, or anew. Decides nothing.

Versions before 0.5 left both at their runs, where a later export of the same run wrote over them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sentiment.core.labelled import LabelledReviews
from sentiment.engine.scorer import Scorer
from sentiment.evaluation.behaviour.suite import BEHAVIOUR, BehaviourRow
from sentiment.evaluation.predictions import OF_BUNDLE, read_predictions
from sentiment.promotion.evidence import Evidence, Speeds, VersionCalls, on_behaviour, on_slices, on_test_reviews
from sentiment.promotion.results import CapabilityChange, MeasuredVersion
from sentiment.promotion.unseen import Unseen
from sentiment.stores.registry.answers import AbsentError
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry

# Returns a bundle's calibrated positive probabilities [reviews].
Score = Callable[[Path, LabelledReviews], np.ndarray]

# Tags hold six digits of a figure.
_ROUNDED = 1e-5
_VALIDATION = "validation_macro_f1"


def tested_on(registry: Registry, version: ModelVersion) -> tuple[str, str]:
    """Return snapshot and number of the test reviews of a version; empty where its tags do not speak of them.

    They tell how many were asked for; how many there were, its run, where nobody has deleted that.
    """
    used = _of_run(registry, version, "test_reviews_used")
    asked = version.tags.get("test_reviews", "")
    return version.tags.get("snapshot", ""), asked if used is None else str(int(used))


def measured(version: ModelVersion, validation_macro_f1: float | None = None) -> MeasuredVersion:
    """Return a version's figures as they were when it was registered; its tags are whole."""
    figures = {name: version.figure(name) or 0.0 for name in ("macro_f1", "accuracy")}
    return _with_figures(version, figures, validation_macro_f1)


def on_validation(registry: Registry, versions: Sequence[ModelVersion]) -> dict[int, float]:
    """Return the macro F1 on validation of those versions of which it is known, by their numbers.

    It is that of what ships where all of them say it. Versions before 0.5 do not: then it is that of the network in
    torch, which runs tell, so that all are compared by the same.
    """
    shipped = {version.version: version.figure(_VALIDATION) for version in versions}
    found = shipped
    if None in shipped.values():
        of_runs = {version.version: _of_run(registry, version, _VALIDATION) for version in versions}
        found = {number: shipped[number] if figure is None else figure for number, figure in of_runs.items()}
    return {number: figure for number, figure in found.items() if figure is not None}


def scored_now(bundle: Path, reviews: LabelledReviews) -> np.ndarray:
    """Return the calibrated positive probabilities [reviews] of a bundle, as scoring runs it."""
    return Scorer.load(bundle, threads=2).probabilities(reviews.titles, reviews.texts)


def calls_of(
    registry: Registry, version: ModelVersion, test: LabelledReviews, score: Score = scored_now
) -> VersionCalls:
    """Return what a version says of test reviews: as it is kept, or by `score` where it was measured on others."""
    threshold = version.figure("threshold")
    kept = _kept_calls(registry, version, test, 0.5 if threshold is None else threshold)
    if kept is not None:
        return kept
    bundle = registry.fetch_bundle(version.version)
    at = bundle.description.thresholds_of(cascade=True).positive if threshold is None else threshold
    return VersionCalls(score(bundle.folder, test), at)


def gather(
    registry: Registry,
    challenger: ModelVersion,
    champion: ModelVersion,
    test: LabelledReviews,
    speeds: Speeds,
    unseen: Unseen,
    significance: float,
    score: Score = scored_now,
) -> tuple[MeasuredVersion, Evidence]:
    """Return the champion's figures on the test reviews that it has not learnt from, and the challenger's evidence."""
    from sentiment.evaluation.slices import slice_masks

    a, b = (calls_of(registry, version, test, score) for version in (challenger, champion))
    if unseen.left_out:
        rows = np.flatnonzero(unseen.rows)
        test, a, b = test.take(rows), a.take(rows), b.take(rows)
    difference, disagreement = on_test_reviews(test.labels, a, b, significance)
    behaviour, behaviour_missing = _behaviour(registry, challenger, champion)
    return _with_figures(champion, b.figures(test.labels)), Evidence(
        macro_f1=difference,
        mcnemar=disagreement,
        speeds=speeds,
        slices=on_slices(test.labels, a, b, slice_masks(test)),
        behaviour=behaviour,
        behaviour_missing=behaviour_missing,
        reviews=len(test),
        left_out=unseen.left_out,
        unseen_missing=unseen.missing,
    )


def _with_figures(
    version: ModelVersion, figures: Mapping[str, float], validation_macro_f1: float | None = None
) -> MeasuredVersion:
    return MeasuredVersion(
        version=version.version,
        family=version.tags.get("family", "unknown"),
        macro_f1=figures["macro_f1"],
        accuracy=figures["accuracy"],
        validation_macro_f1=validation_macro_f1,
        gate_share=version.figure("test_gate_share"),
        network_macro_f1=version.figure("network_macro_f1"),
    )


def _kept_calls(
    registry: Registry, version: ModelVersion, test: LabelledReviews, threshold: float
) -> VersionCalls | None:
    """Return what is kept of a version's calls on exactly these reviews, or None.

    What lies at the run of a version before 0.5 is its run's last export: that it is this version's own, only the
    figures in its tags can tell.
    """
    with TemporaryDirectory() as scratch:
        file, own = _kept(registry, version, OF_BUNDLE, Path(scratch))
        predictions = read_predictions(file) if file is not None else None
    if predictions is None or predictions.keys != test.keys:
        return None
    calls = VersionCalls(predictions.positive_probability, threshold)
    expected = version.figure("macro_f1")
    if own:
        return calls
    same = expected is not None and math.isclose(calls.figures(test.labels)["macro_f1"], expected, abs_tol=_ROUNDED)
    return calls if same else None


def _kept(registry: Registry, version: ModelVersion, name: str, scratch: Path) -> tuple[Path | None, bool]:
    """Return a file of what was said of a version, and whether it is kept with the version itself."""
    folder = registry.find_evidence(version.version, scratch)
    if folder is None:
        return registry.find(version.run_id, name, scratch), False
    return (folder / name if (folder / name).is_file() else None), True


def _of_run(registry: Registry, version: ModelVersion, figure: str) -> float | None:
    try:
        return registry.trained(version.run_id).metrics.get(figure) if version.run_id else None
    except AbsentError:
        return None


def _behaviour(
    registry: Registry, challenger: ModelVersion, champion: ModelVersion
) -> tuple[tuple[CapabilityChange, ...] | None, str]:
    """Return how behaviour changes, or None and why it cannot be compared."""
    suites = []
    for version in (challenger, champion):
        suite = _suite(registry, version)
        if suite is None:
            return None, f"version {version.version} keeps no {BEHAVIOUR}"
        suites.append(suite)
    changes = on_behaviour(*suites)
    return (changes, "") if changes else (None, "the two ran different suites; export and train anew to compare them")


def _suite(registry: Registry, version: ModelVersion) -> list[BehaviourRow] | None:
    with TemporaryDirectory() as scratch:
        file, _ = _kept(registry, version, BEHAVIOUR, Path(scratch))
        return json.loads(file.read_text(encoding="utf-8")) if file is not None else None
