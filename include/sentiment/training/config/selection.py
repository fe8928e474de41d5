"""Which reviews of its snapshot a training takes."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import EXPERTS, LONGEST_PLACE, VerbConfig
from sentiment.core.names import Family


class SelectionOptions(VerbConfig):
    """Which reviews of its snapshot a training takes."""

    proxy: str = Field(
        "",
        max_length=LONGEST_PLACE,
        description="Run of `sentiment soft-labels` of a cheap model, or its table: reviews that it is unsure of are "
        "trained on above all. Empty: a random sample.",
        title="Proxy that chooses the training reviews",
        json_schema_extra=EXPERTS,
    )

    def selection_refused(self, family: Family, imbalance: str, folds: int) -> str:
        """Say why this training cannot have a proxy; nothing where it can."""
        if self.proxy and family == "linear":
            return "the linear family is quick enough to take all reviews; leave proxy out"
        if self.proxy and imbalance != "none":
            return f"a proxy draws as it doubts, and {imbalance} on top; leave imbalance at none"
        if self.proxy and folds:
            return "what a proxy draws is harder than reviews are, and so would be its folds; leave folds at 0"
        return ""
