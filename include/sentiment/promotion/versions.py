"""Gathers from the registry what versions said of test reviews and how they behaved. Decides nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.engine.bundle import read_bundle
from sentiment.evaluation.behaviour.suite import BEHAVIOUR
from sentiment.evaluation.predictions import OF_BUNDLE, read_predictions
from sentiment.promotion.evidence import Decided, Evidence, Measured, Speeds, on_behaviour, on_slices, on_test_reviews
from sentiment.stores.registry.entries import ModelVersion
from sentiment.stores.registry.versions import Registry

# Tags hold six digits of a figure.
_ROUNDED = 1e-5
_VALIDATION = "validation_macro_f1"


def test_set(one: ModelVersion) -> tuple[str, str]:
    """Return snapshot and number of the test reviews that a version's tags speak of; empty where they do not."""
    return one.tags.get("snapshot", ""), one.tags.get("test_reviews", "")


def measured(registry: Registry, one: ModelVersion) -> Measured:
    """Return a version's figures as they were when it was registered; its tags are whole."""
    figures = one.figure("macro_f1") or 0.0, one.figure("accuracy") or 0.0
    return Measured(one.version, one.tags["family"], *figures, _on_validation(registry, one))


def decided(registry: Registry, one: ModelVersion, test: LabelledReviews) -> Decided:
    """Return what a version says of test reviews: as kept in its run, or scored anew.

    Anew, when it was measured on other reviews, or when its run was exported again since: what the run keeps is its
    last export's, which the figures in the version's tags give away.
    """
    threshold, expected = one.figure("threshold"), one.figure("macro_f1")
    with TemporaryDirectory() as scratch:
        file = registry.find(one.run_id, OF_BUNDLE, Path(scratch))
        kept = read_predictions(file) if file is not None else None
    if kept is not None and kept.keys == test.keys and expected is not None:
        found = Decided(kept.positive_probability, 0.5 if threshold is None else threshold)
        if math.isclose(found.figures(test.labels)["macro_f1"], expected, abs_tol=_ROUNDED):
            return found
    from sentiment.export.register import bundle_probabilities

    bundle = registry.fetch_bundle(one.version)
    at = read_bundle(bundle).thresholds.positive if threshold is None else threshold
    return Decided(bundle_probabilities(bundle, test), at)


def gather(
    registry: Registry, challenger: ModelVersion, champion: ModelVersion, test: LabelledReviews, speeds: Speeds
) -> tuple[Measured, Evidence]:
    """Return the champion's figures on the test reviews, and the evidence of the challenger against it."""
    from sentiment.evaluation.slices import slice_masks

    a, b = decided(registry, challenger, test), decided(registry, champion, test)
    of_champion = b.figures(test.labels)
    family = champion.tags.get("family", "unknown")
    return (
        Measured(champion.version, family, of_champion["macro_f1"], of_champion["accuracy"]),
        Evidence(
            *on_test_reviews(test.labels, a, b),
            speeds,
            on_slices(test.labels, a, b, slice_masks(test)),
            *_behaviour(registry, challenger, champion),
        ),
    )


def _on_validation(registry: Registry, one: ModelVersion) -> float | None:
    tagged = one.figure(_VALIDATION)
    if tagged is not None or not one.run_id:
        return tagged
    try:
        return registry.trained(one.run_id).metrics.get(_VALIDATION)
    except ContractError:  # somebody deleted the run
        return None


def _behaviour(registry: Registry, challenger: ModelVersion, champion: ModelVersion) -> tuple[Any, str]:
    after, before = _suite(registry, challenger), _suite(registry, champion)
    for rows, one in ((after, challenger), (before, champion)):
        if rows is None:
            return None, f"the run of version {one.version} keeps no {BEHAVIOUR}"
    changes = on_behaviour(after or [], before or [])
    return (changes, "") if changes else (None, "the two ran different suites; export and train anew to compare them")


def _suite(registry: Registry, one: ModelVersion) -> list[dict[str, Any]] | None:
    with TemporaryDirectory() as scratch:
        file = registry.find(one.run_id, BEHAVIOUR, Path(scratch))
        return json.loads(file.read_text(encoding="utf-8")) if file is not None else None
