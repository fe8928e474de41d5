"""What MLflow holds, as the product reads it. Others write there too: nothing but the ids is taken for granted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentiment.core.errors import ContractError

# The tags by which a version is judged; one that was registered by hand may lack any of them.
FIGURES = ("macro_f1", "accuracy")
JUDGED_BY = ("family", "snapshot", "test_reviews", *FIGURES)
# The tag that names a version's bundle by its content.
BUNDLE = "bundle"
_RUN_ID = re.compile(r"[0-9a-f]{32}")


def is_run_id(text: str) -> bool:
    """Tell whether a text has the form of a run's id."""
    return bool(_RUN_ID.fullmatch(text))


def require_run_ids(run_ids: Sequence[str]) -> None:
    """Raise ContractError for the first that is no id of a run, without asking MLflow, whose start takes seconds."""
    for run_id in run_ids:
        if not is_run_id(run_id):
            raise ContractError(
                f"{run_id!r} is no id of a run, which has 32 digits and letters from a to f; take the run_id that "
                "`sentiment train` gave"
            )


@dataclass(frozen=True)
class TrainedRun:
    """A training run as MLflow knows it."""

    run_id: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]

    def require(self, params: Sequence[str], metrics: Sequence[str] = ()) -> None:
        """Raise ContractError naming what the run lacks: it was made by another program, or never came to its end."""
        lacking = [name for name in params if name not in self.params]
        lacking += [name for name in metrics if not math.isfinite(self.metrics.get(name, math.nan))]
        if lacking:
            raise ContractError(
                f"run {self.run_id} has no {', no '.join(lacking)}: it is no training of this platform, or it did not "
                "come to its end; leave it out, or train it anew"
            )

    def require_same(self, params: Mapping[str, Any]) -> None:
        """Raise ContractError for other params than the run has, as of another machine: MLflow keeps the first ones."""
        here = {name: str(value) for name, value in params.items()}
        others = [name for name in here if self.params.get(name, here[name]) != here[name]]
        if others:
            had = ", ".join(f"{name} {self.params[name]} (here {here[name]})" for name in others)
            raise ContractError(
                f"run {self.run_id} was begun with {had}: go on with it where it began, or remove what it left with "
                f"`sentiment trainings --remove {self.run_id}` and train anew"
            )


@dataclass(frozen=True)
class ModelVersion:
    """A registered version, its tags, and the run that it came from, empty where somebody named none."""

    version: int
    run_id: str
    tags: dict[str, str]

    def figure(self, name: str) -> float | None:
        """Return a tag's number; None where there is no such tag, or it is no number."""
        try:
            found = float(self.tags.get(name, "nan"))
        except ValueError:
            return None
        return found if math.isfinite(found) else None

    @property
    def lacking(self) -> str:
        """Say which of the tags are missing without which it cannot be judged; empty when none is."""
        missing = [name for name in JUDGED_BY if not self.tags.get(name)]
        missing += [name for name in (*FIGURES, "test_reviews") if name not in missing and self.figure(name) is None]
        return f"it has no {', no '.join(missing)} (registered by hand, or its tags were removed)" if missing else ""
