"""The verbs of the product, side by side, and those that installed packages add (the laptop's platform, benchmarks)."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from sentiment.core.verb import AnyVerb
from sentiment.datasets.verbs import SNAPSHOT
from sentiment.export.verbs import EXPORT
from sentiment.ingest.verbs import IMPORT_HISTORY, INGEST, INSPECT
from sentiment.promotion.verbs import COMPARE, PROMOTE, ROLLBACK
from sentiment.scoring.verbs import PREDICT, RESCORE, RESOLVE_MODEL, RESOLVE_MODELS, SCORE
from sentiment.training.verbs import SOFT_LABELS, TRAIN, TRAININGS
from sentiment.tuning.verbs import CONCLUDE_STUDY, OPEN_STUDY, SEARCH, TUNE
from sentiment.views.verbs import REPORT

VERBS: tuple[AnyVerb, ...] = (
    INSPECT,
    IMPORT_HISTORY,
    INGEST,
    SNAPSHOT,
    TRAIN,
    TRAININGS,
    SOFT_LABELS,
    TUNE,
    OPEN_STUDY,
    SEARCH,
    CONCLUDE_STUDY,
    COMPARE,
    EXPORT,
    PROMOTE,
    ROLLBACK,
    RESOLVE_MODEL,
    RESOLVE_MODELS,
    SCORE,
    RESCORE,
    PREDICT,
    REPORT,
)
# Packages beside this one name their verbs under it, as `module:VERBS`.
ADDED = "sentiment.verbs"

# In the order in which a person needs them.
GROUPS = {
    "Platform": "this machine's Airflow, MLflow and PostgreSQL",
    "Data": "reviews in",
    "Models": "train, judge, put in force, go back",
    "Scoring": "sentiment out",
    "Measure": "tables and pictures of speed and accuracy",
}


@cache
def verbs() -> dict[str, AnyVerb]:
    """Return every verb by its name, those of the product and those that were added."""
    added = [verb for place in sorted(entry_points(group=ADDED), key=lambda place: place.name) for verb in place.load()]
    return {verb.name: verb for verb in (*VERBS, *added)}
