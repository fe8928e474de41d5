"""What a training begins with, where it is not the pretrained encoder."""

from __future__ import annotations

from pydantic import Field

from sentiment.core.config import ENCODERS, VerbConfig
from sentiment.core.names import Family
from sentiment.training.config.architecture import ENCODER_FAMILIES


class StartOptions(VerbConfig):
    """Whose weights a training begins with."""

    warm_start: str = Field(
        "",
        description="Run of a training of family encoder or lora, or champion: begin with the weights that it ended "
        "with, its encoder and its head. Empty: the pretrained encoder.",
        title="Model to start from",
        json_schema_extra=ENCODERS,
    )

    def start_refused(self, family: Family, folds: int) -> str:
        """Say why this training cannot begin with another one's weights; nothing where it can."""
        if not self.warm_start:
            return ""
        if family not in ENCODER_FAMILIES:
            return f"{family} begins with weights of its own; choose {' or '.join(ENCODER_FAMILIES)}"
        if folds:
            return "the model to start from has seen every fold; leave folds at 0 beside warm_start"
        return ""
