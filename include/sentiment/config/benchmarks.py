"""What the benchmarks of training, of models and of the remedies for the rare class are made on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sentiment.config.training import Family
from sentiment.config.verb import VerbConfig


class BenchmarkTrainingConfig(VerbConfig):
    """Time one epoch over 1 to N processes: data parallel, in mixed precision, and with the network in two stages."""

    family: Literal["encoder", "lora", "bilstm", "lstm", "gru"] = Field("gru", description="The model family.")
    encoder: str = Field("all-MiniLM-L6-v2", description="Encoder of the families encoder and lora.")
    snapshot: str | None = Field(None, description="Id of the snapshot; a new one of the whole lake when empty.")
    train_reviews: int = Field(10_000, ge=100, description="Reviews that are trained on once.")
    evaluation_reviews: int = Field(500, ge=50, description="Reviews of the one validation at the end.")
    processes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 2), min_length=1, description="Numbers of processes that share the reviews out."
    )
    threads: int = Field(1, ge=1, description="Threads of each process, the same for any number of processes.")
    repeats: int = Field(3, ge=1, description="Times that each is measured; medians are shown.")
    batch_size: int = Field(32, ge=1, description="Reviews a step of each process.")
    max_length: int = Field(128, ge=8, description="Tokens of a review that the model sees.")
    mixed_precision: Literal["bf16", "fp16"] = Field("bf16", description="The number format beside fp32.")
    output: Path | None = Field(None, description="Folder for table and picture; MLflow has them in any case.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.processes)) < len(self.processes):
            raise ValueError(f"processes {list(self.processes)} names a number twice; give each once")
        return self


class HeldOutOptions(VerbConfig):
    """The reviews that every candidate is chosen and tested on."""

    evaluation_reviews: int = Field(2_000, ge=50, description="Most reviews to validate on.")
    test_reviews: int = Field(20_000, ge=50, description="Most reviews to test on.")
    seed: int = Field(17, description="Seed of every training.")


class BenchmarkModelsConfig(HeldOutOptions):
    """Train every family on every snapshot given; write how good, how sure, how fast, and who beats whom."""

    snapshots: tuple[str, ...] = Field(min_length=1, description="Ids that `sentiment snapshot` gave, one a data set.")
    train_reviews: int = Field(100_000, ge=100, description="Most reviews for the linear and recurrent families.")
    encoder_reviews: int = Field(12_000, ge=100, description="Most reviews for the encoders.")
    base_reviews: int = Field(0, ge=0, description="Most reviews for the base-size encoder; 0 leaves it out.")
    models: tuple[str, ...] = Field((), description="Names of the candidates; all when empty.")
    runs: tuple[str, ...] = Field((), description="MLflow runs, trained before, to measure beside them.")
    output: Path = Field(Path("var/benchmarks/models"), description="Folder of results; it resumes there.")


class BenchmarkImbalanceConfig(HeldOutOptions):
    """Train families with every remedy for the rare class, on the same reviews, and write the table."""

    snapshot: str = Field(min_length=1, description="Id that `sentiment snapshot` gave.")
    families: tuple[Family, ...] = Field(("linear", "gru"), min_length=1, description="The model families.")
    train_reviews: int = Field(20_000, ge=100, description="Most reviews to train on.")
    output: Path = Field(Path("var/benchmarks/imbalance"), description="Folder of results.")
