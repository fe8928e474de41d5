"""The model as MLflow serves it: a table with text and, optionally, title in; what `sentiment predict` says out.

MLflow runs this file when it loads a version ("models from code"), so nothing is pickled. The packages that it imports
lie beside it in the version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from sentiment.core.text.clean import cell_text
from sentiment.engine.scorer import Scorer


class ReviewModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """Scores a table by the bundle that lies beside it."""

    def load_context(self, context: Any) -> None:
        """Load the bundle and check its files."""
        # As `predict` does: one caller's answer takes two thirds of the time that it takes on one thread.
        self._scorer = Scorer.load(Path(context.artifacts["bundle"]), threads=2)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return label, positive_probability, confidence, needs_review, decided_by and language of each row, in order.

        A row without text has none of them but the need of a person's look. Raises MlflowException, which its server
        answers with 400, where a cell holds several texts.
        """
        texts = _cleaned(model_input["text"])
        titles = _cleaned(model_input["title"]) if "title" in model_input else [""] * len(texts)
        with_text = [row for row, text in enumerate(texts) if text]
        answers = self._scorer.answer([titles[row] for row in with_text], [texts[row] for row in with_text])
        whose = {"decided_by": answers.decided_by, "language": answers.language}
        decided = pd.DataFrame({**vars(self._scorer.decide(answers)), **whose}, with_text)
        found = decided.reindex(range(len(texts)))
        flagged = found["needs_review"].ne(False)
        if len(with_text) < len(texts):
            # None, which JSON and Spark know, in place of pandas' NaN.
            found = found.astype(object).where(found["label"].notna(), None)
        return found.assign(needs_review=flagged).set_index(model_input.index)


def _cleaned(column: pd.Series) -> list[str]:
    for value in column:
        if not pd.api.types.is_scalar(value):  # MLflow makes one row of {"text": ["…", "…"]}
            raise MlflowException.invalid_parameter_value(
                f"a cell of the column {column.name!r} is a {type(value).__name__} and no text; give a DataFrame, or "
                "dataframe_records, with a row a review"
            )
    return [cell_text(value) for value in column]


mlflow.models.set_model(ReviewModel())
