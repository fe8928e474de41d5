"""Gathers from the registry what versions said of test reviews and how they behaved. Decides nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.datasets.labelled import LabelledReviews
from sentiment.evaluation.behaviour.suite import BEHAVIOUR
from sentiment.evaluation.predictions import OF_BUNDLE, read_predictions
from sentiment.promotion.evidence import Decided, Evidence, Measured, on_behaviour, on_slices, on_test_reviews
from sentiment.registry import ModelVersion, Registry

# Tags hold six digits of a figure.
_ROUNDED = 1e-5


def test_set(one: ModelVersion) -> tuple[str, str]:
    """Return snapshot and number of the test reviews that a version's tags speak of."""
    return one.tags["snapshot"], one.tags["test_reviews"]


def measured(one: ModelVersion) -> Measured:
    """Return a version's figures as they were when it was registered."""
    speed = one.tags.get("reviews_per_second")
    figures = float(one.tags["macro_f1"]), float(one.tags["accuracy"])
    return Measured(one.version, one.tags["family"], *figures, float(speed) if speed else None)


def decided(registry: Registry, one: ModelVersion, test: LabelledReviews) -> Decided:
    """Return what a version says of test reviews: as kept in its run, or scored anew.

    Anew, when it was measured on other reviews, or when its run was exported again since: what the run keeps is its
    last export's, which the figures in the version's tags give away.
    """
    threshold = float(one.tags.get("threshold", "0.5"))
    with TemporaryDirectory() as scratch:
        file = registry.find(one.run_id, OF_BUNDLE, Path(scratch))
        kept = read_predictions(file) if file is not None else None
    if kept is not None and kept.keys == test.keys:
        found = Decided(kept.positive_probability, threshold)
        if math.isclose(found.figures(test.labels)["macro_f1"], float(one.tags["macro_f1"]), abs_tol=_ROUNDED):
            return found
    from sentiment.export.register import bundle_probabilities

    return Decided(bundle_probabilities(registry.fetch_bundle(one.version), test), threshold)


def gather(
    registry: Registry, challenger: ModelVersion, champion: ModelVersion, test: LabelledReviews
) -> tuple[Measured, Evidence]:
    """Return the champion's figures on the test reviews, and the evidence of the challenger against it."""
    from sentiment.evaluation.slices import slice_masks

    a, b = decided(registry, challenger, test), decided(registry, champion, test)
    of_champion = b.figures(test.labels)
    speed = measured(champion).reviews_per_second
    return (
        Measured(champion.version, champion.tags["family"], of_champion["macro_f1"], of_champion["accuracy"], speed),
        Evidence(
            *on_test_reviews(test.labels, a, b),
            on_slices(test.labels, a, b, slice_masks(test)),
            *_behaviour(registry, challenger, champion),
        ),
    )


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
