"""Reviews of other snapshots among those that are trained on."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from sentiment.core.config import LESSONS, VerbConfig


class MixingOptions(VerbConfig):
    """Which other snapshots are learnt from, and how much of them."""

    mixed_snapshots: tuple[str, ...] = Field(
        (),
        description="Ids of other snapshots whose training reviews are learnt from too; validation and test stay the "
        "snapshot's own.",
        title="Other snapshots to learn from",
        json_schema_extra=LESSONS,
    )
    mixed_share: float = Field(
        0.2,
        gt=0,
        le=10,
        description="As many of theirs, in equal parts, for each of the snapshot's training reviews.",
        title="Reviews of other snapshots (share)",
        json_schema_extra=LESSONS,
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.mixed_snapshots)) < len(self.mixed_snapshots):
            raise ValueError("mixed_snapshots names a snapshot twice; name each once")
        return self

    def mixing_refused(self, snapshot: str, folds: int) -> str:
        """Say why this training can have nothing mixed in; nothing where it can."""
        if snapshot in self.mixed_snapshots:
            return f"snapshot {snapshot} is what is trained on; leave it out of mixed_snapshots"
        if self.mixed_snapshots and folds:
            return "folds are of the snapshot's reviews alone; leave them at 0 beside mixed_snapshots"
        return ""
