"""What the benchmark of scoring works on: a bundle, the model in torch that it was made of, and labelled reviews."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.datasets.snapshot import (
    read_split,
    snapshot_folder,
)
from sentiment.engine.bundle import TOKENIZER, Bundle, read_bundle
from sentiment.promotion.resolution import bundle_of
from sentiment.stores.lake.tables import Lake
from sentiment.stores.registry.versions import Registry
from sentiment_benchmarks.config import BenchmarkScoringConfig

if TYPE_CHECKING:
    from sentiment.training.fitted import Fitted


@dataclass(frozen=True)
class Material:
    """`model` is the folder of the trained model in torch, `snapshot` that of the reviews; `scratch` is free for use.

    Everybody may use `cores` cores. The timed `reviews` are of the snapshot's test products.
    """

    bundle: Path
    model: Path
    snapshot: str
    scratch: Path
    reviews: LabelledReviews
    cores: int

    @cached_property
    def description(self) -> Bundle:
        """The bundle's own description, its files checked."""
        return read_bundle(self.bundle)

    @cached_property
    def fitted(self) -> Fitted:
        """The trained model, in torch."""
        from sentiment.training.fitted import Fitted

        return Fitted.load(self.model)

    @property
    def tokenizer_json(self) -> str:
        """The content of the model's tokenizer.json."""
        return (self.bundle / TOKENIZER).read_text(encoding="utf-8")


def gather(config: BenchmarkScoringConfig, context: Context, scratch: Path) -> Material:
    """Fetch what `config` names; a bundle knows the run and the snapshot that it comes from."""
    settings = context.settings
    _, fetched = bundle_of(config.model, context.now.date(), settings)
    bundle = fetched.folder
    snapshot = snapshot_folder(Lake(settings.lake_root), config.snapshot or snapshot_of(bundle))
    return Material(
        bundle=bundle,
        model=Registry(settings).download(_origin(bundle)["run_id"], "model", scratch),
        snapshot=snapshot,
        scratch=scratch,
        reviews=read_split(snapshot, "test", config.reviews),
        cores=config.cores,
    )


def snapshot_of(bundle: Path) -> str:
    """Return the id of the snapshot that a bundle's model learnt from; raises ContractError when it does not say."""
    return _origin(bundle)["snapshot"]


def _origin(bundle: Path) -> dict[str, str]:
    origin = read_bundle(bundle).provenance
    if not {"run_id", "snapshot"} <= origin.keys():
        raise ContractError(f"{bundle} does not say which run and snapshot it comes from; export the model anew")
    return origin
