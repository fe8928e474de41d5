"""How a run's page in MLflow names the reviews that the run uses. Knows no registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sentiment.stores.files import is_s3

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

    from sentiment.core.labelled import UsedReviews

# What MLflow's pages show of the columns of a snapshot.
_SCHEMA = json.dumps(
    {
        "mlflow_colspec": [
            {"name": name, "type": kind, "required": True}
            for name, kind in (("review_key", "string"), ("title", "string"), ("text", "string"), ("label", "integer"))
        ]
    }
)


def dataset_input(used: UsedReviews) -> DatasetInput:
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
