"""The model as MLflow serves it: a table with text and, optionally, title in; label and probability out.

MLflow runs this file when it loads a version ("models from code"), so nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from sentiment.core.text.clean import clean_text
from sentiment.engine.scorer import Scorer


class ReviewModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined,misc]
    """Scores a table by the bundle that lies beside it."""

    def load_context(self, context: Any) -> None:
        """Load the bundle and check its files."""
        self._scorer = Scorer.load(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return label, positive_probability, confidence and needs_review for each row, in order."""
        texts = _cleaned(model_input["text"])
        titles = _cleaned(model_input["title"]) if "title" in model_input else [""] * len(texts)
        decisions = self._scorer.decide(self._scorer.answer(titles, texts))
        return pd.DataFrame(vars(decisions), index=model_input.index)


def _cleaned(column: pd.Series) -> list[str]:
    return [clean_text(text) for text in column.fillna("")]


mlflow.models.set_model(ReviewModel())
