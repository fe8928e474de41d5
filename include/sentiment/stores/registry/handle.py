"""What is written to a run in MLflow, by its id: figures, files, reviews, words; whoever began it, from any thread."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentiment.stores.files import is_s3
from sentiment.stores.registry.pages import DESCRIPTION

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

    from sentiment.core.labelled import UsedReviews

Status = Literal["FINISHED", "FAILED"]
# What the names of our tags begin with.
OURS = "sentiment."
# What MLflow's pages show of the columns of a snapshot.
_SCHEMA = json.dumps(
    {
        "mlflow_colspec": [
            {"name": name, "type": kind, "required": True}
            for name, kind in (("review_key", "string"), ("title", "string"), ("text", "string"), ("label", "integer"))
        ]
    }
)


@dataclass(frozen=True)
class RunHandle:
    """A run, and what can be written to it, be it open or ended."""

    run_id: str
    client: Any

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Write settings down; the same ones again change nothing."""
        from mlflow.entities import Param

        self.client.log_batch(self.run_id, params=[Param(key, str(value)) for key, value in params.items()])

    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Add the figures among `metrics`; MLflow takes finite ones only."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        figures = {name: float(value) for name, value in metrics.items() if isinstance(value, Real)}
        finite = [Metric(name, value, now, step) for name, value in figures.items() if math.isfinite(value)]
        self.client.log_batch(self.run_id, metrics=finite)

    def log_folder(self, folder: Path, name: str = "") -> None:
        """Add a folder's files, under `name` where one is given."""
        self.client.log_artifacts(self.run_id, str(folder), name or None)

    def log_file(self, file: Path) -> None:
        """Add a file."""
        self.client.log_artifact(self.run_id, str(file))

    def log_json(self, content: Any, name: str) -> None:
        """Add a JSON file."""
        self.client.log_dict(self.run_id, content, name)

    def log_reviews(self, used: Sequence[UsedReviews]) -> None:
        """Name the reviews that the run uses, split by split; those that it names already are not named twice."""
        self.client.log_inputs(self.run_id, [_dataset_input(reviews) for reviews in used])

    def describe(self, text: str) -> None:
        """Write the run's description, in Markdown: what a person reads first on its page."""
        self.client.set_tag(self.run_id, DESCRIPTION, text)

    def tag(self, name: str, value: str) -> None:
        """Set a tag of ours."""
        self.client.set_tag(self.run_id, f"{OURS}{name}", value)

    def end(self, status: Status = "FINISHED") -> None:
        """End the run."""
        self.client.set_terminated(self.run_id, status)

    def give_up(self) -> None:
        """End the run as failed, if it has not ended."""
        if self.client.get_run(self.run_id).info.status == "RUNNING":
            self.end("FAILED")


def _dataset_input(used: UsedReviews) -> DatasetInput:
    """Return the reviews of a split as MLflow takes them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        used.name,
        used.digest,
        source_type="s3" if is_s3(used.source) else "local",
        source=json.dumps({"uri": used.source}),
        schema=_SCHEMA,
        profile=json.dumps({"num_rows": used.rows, **used.counts}),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", used.split)])
