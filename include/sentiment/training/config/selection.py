"""Which reviews of its snapshot a training takes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sentiment.core.config import LESSONS, VerbConfig
from sentiment.core.names import Family


class SelectionOptions(VerbConfig):
    """Which reviews of its snapshot a training takes."""

    selection: Literal["random", "doubt"] = Field(
        "random",
        description="random: a sample of the snapshot's reviews. doubt: above all those that a linear model, fitted "
        "without their products, is unsure of.",
        title="Choice of the training reviews",
        json_schema_extra=LESSONS,
    )

    def selection_refused(self, family: Family, imbalance: str, folds: int) -> str:
        """Say why this training cannot choose by doubt; nothing where it can."""
        if self.selection == "random":
            return ""
        if family == "linear":
            return "the linear family is quick enough to take all reviews; take selection random"
        if imbalance != "none":
            return f"doubt evens the labels out, and {imbalance} would on top; leave imbalance at none"
        if folds:
            return "doubted reviews are harder than reviews are, and so would be their folds; leave folds at 0"
        return ""
