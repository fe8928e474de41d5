"""What the benchmarks are made on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from sentiment.core.config import EXPERTS, MOST_DAYS, ModelReference, VerbConfig
from sentiment.core.names import CHAMPION, Family
from sentiment.core.settings import SparkMaster
from sentiment.datasets.config import OnSnapshot
from sentiment.readers.config import FileOptions
from sentiment.training.config.architecture import RECURRENT_FAMILIES

ScoringPart = Literal["peers", "engines", "workers", "sizes", "masters", "latency"]
Candidate = Literal["linear", "gru", "lstm", "bilstm", "lora", "encoder", "base encoder"]
_WHERE = "Folder for tables and pictures, HOME/benchmarks/NAME when empty; MLflow has them in any case."
_Count = Annotated[int, Field(ge=1)]


class BenchmarkTrainingConfig(OnSnapshot):
    """Time one epoch over 1 to N processes: data parallel, in mixed precision, and with the network in two stages."""

    family: Literal["encoder", "lora", "bilstm", "lstm", "gru"] = Field(
        "gru", description="The model family.", title="Model family"
    )
    encoder: str = Field(
        "all-MiniLM-L6-v2",
        description="Encoder of the families encoder and lora.",
        title="Pretrained encoder",
        json_schema_extra=EXPERTS,
    )
    train_reviews: int = Field(
        10_000, ge=100, description="Reviews that are trained on once.", title="Training reviews"
    )
    evaluation_reviews: int = Field(
        500,
        ge=50,
        description="Reviews of the one validation at the end.",
        title="Validation reviews",
        json_schema_extra=EXPERTS,
    )
    processes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 2),
        min_length=1,
        description="Numbers of processes that share the reviews out.",
        title="Numbers of processes",
    )
    scaling: Literal["strong", "weak"] = Field(
        "strong",
        description="strong: the processes share the training reviews out. weak: each of them has so many of its own.",
        title="What grows with the processes",
        json_schema_extra=EXPERTS,
    )
    threads: int = Field(
        1,
        ge=1,
        description="Threads of each process, the same for any number of processes; recurrent families take one.",
        title="Threads of each process",
    )
    repeats: int = Field(3, ge=1, description="Times that each is measured; medians are shown.", title="Repetitions")
    batch_size: int = Field(
        32, ge=1, description="Reviews a step of each process.", title="Batch size", json_schema_extra=EXPERTS
    )
    max_length: int = Field(
        128,
        ge=8,
        description="Tokens of a review that the model sees.",
        title="Tokens of a review",
        json_schema_extra=EXPERTS,
    )
    mixed_precision: Literal["bf16", "fp16"] = Field(
        "bf16",
        description="The number format beside fp32.",
        title="Number format beside fp32",
        json_schema_extra=EXPERTS,
    )
    output: Path | None = Field(
        None, description=_WHERE, title="Folder for table and picture", json_schema_extra=EXPERTS
    )

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if len(set(self.processes)) < len(self.processes):
            raise ValueError(f"processes {list(self.processes)} names a number twice; give each once")
        if self.threads > 1 and self.family in RECURRENT_FAMILIES:
            raise ValueError(f"family {self.family} computes on one thread, however many there are; leave threads at 1")
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
    models: tuple[Candidate, ...] = Field(
        (), description=f"Of {', '.join(get_args(Candidate))}; all when empty, the last with base_reviews alone."
    )
    runs: tuple[str, ...] = Field((), description="MLflow runs, trained before, to measure beside them.")
    output: Path | None = Field(None, description=f"{_WHERE} It goes on there with what it has measured.")

    @model_validator(mode="after")
    def _has_reviews_for_the_base(self) -> Self:
        if "base encoder" in self.models and not self.base_reviews:
            raise ValueError("the base encoder is trained on no reviews; give base_reviews, such as 8000")
        return self


class BenchmarkImbalanceConfig(HeldOutOptions):
    """Train families with every remedy for the rare class, on the same reviews, and write the table."""

    snapshot: str = Field(min_length=1, description="Id that `sentiment snapshot` gave.")
    families: tuple[Family, ...] = Field(("linear", "gru"), min_length=1, description="The model families.")
    train_reviews: int = Field(20_000, ge=100, description="Most reviews to train on.")
    output: Path | None = Field(None, description=_WHERE)


class BenchmarkScoringConfig(VerbConfig):
    """Measure scoring against what people run today, over workers and sizes, and for one review; write tables."""

    model: ModelReference = Field(CHAMPION, description="champion or a version number.", title="Model version")
    snapshot: str | None = Field(
        None,
        description="Id of the snapshot of the reviews; the model's own when empty.",
        title="Snapshot",
        json_schema_extra=EXPERTS,
    )
    parts: tuple[ScoringPart, ...] = Field(
        ("peers", "engines", "workers", "sizes", "latency"),
        min_length=1,
        description="peers, engines, workers, sizes, masters and latency; all together take hours.",
        title="What is measured",
    )
    cores: int = Field(
        2,
        ge=1,
        description="Cores that everybody uses: threads, or workers of one thread each.",
        title="Cores for every contender",
    )
    repeats: int = Field(
        3, ge=1, description="Times that each is measured, in turn; medians are shown.", title="Repetitions"
    )
    reviews: int = Field(
        2_000,
        ge=50,
        description="Reviews that are scored beside the peers.",
        title="Reviews beside the peers",
        json_schema_extra=EXPERTS,
    )
    peer_reviews: int = Field(
        500,
        ge=50,
        description="How many of them the slow peers score.",
        title="Reviews of the slow peers",
        json_schema_extra=EXPERTS,
    )
    workers: tuple[_Count, ...] = Field(
        (1, 2, 4, 8),
        min_length=1,
        description="Numbers of Spark workers.",
        title="Numbers of Spark workers",
        json_schema_extra=EXPERTS,
    )
    worker_reviews: int = Field(
        20_000,
        ge=1,
        description="Reviews of the comparison of workers.",
        title="Reviews of the comparison of workers",
        json_schema_extra=EXPERTS,
    )
    sizes: tuple[_Count, ...] = Field(
        (10_000, 50_000, 100_000, 500_000),
        min_length=1,
        description="500,000 take four minutes a repetition on two cores.",
        title="Reviews per end-to-end run",
        json_schema_extra=EXPERTS,
    )
    masters: tuple[SparkMaster, ...] = Field(
        ("sail[2]", "local[2]"),
        min_length=1,
        description="Spark masters that the part masters scores each number of reviews on, and holds against the "
        "first; spark://… for a cluster that opens this machine's paths.",
        title="Spark masters to compare",
        json_schema_extra=EXPERTS,
    )
    calls: int = Field(
        300,
        ge=1,
        description="Calls with one review each, in a process that is warm.",
        title="Single-review calls to time",
        json_schema_extra=EXPERTS,
    )
    output: Path | None = Field(
        None,
        description=_WHERE,
        title="Folder for tables and pictures",
        json_schema_extra=EXPERTS,
    )


class BenchmarkStressConfig(FileOptions):
    """Judge a version on texts unlike those that it learnt from, with its gate and without; write the table."""

    model: ModelReference = Field(CHAMPION, description="champion or a version number.")
    snapshots: tuple[str, ...] = Field(
        (), description="Ids of snapshots of other data sets, whose test reviews are judged beside the model's own."
    )
    files: tuple[Path, ...] = Field(
        (), description="Tables of texts of your own, each with a label (0, 1, negative, positive), and maybe a title."
    )
    reviews: int = Field(2_000, ge=50, description="Most test reviews of each data set.")
    cores: int = Field(2, ge=1, description="Threads of the network.")
    output: Path | None = Field(None, description=_WHERE)


class BenchmarkScaleConfig(VerbConfig):
    """Simulate scoring at sizes and on clusters that were not measured, from runs that were; write the table."""

    measured: Path | None = Field(
        None, description="sizes.json of `benchmark scoring`; the newest in HOME/benchmarks when empty."
    )
    reviews: tuple[_Count, ...] = Field(
        (1_000_000, 10_000_000, 100_000_000, 1_000_000_000), min_length=1, description="Numbers of reviews."
    )
    cores: tuple[_Count, ...] = Field((2, 16, 128, 1_000), min_length=1, description="Numbers of cores.")
    days: int = Field(3_650, ge=1, le=MOST_DAYS, description="Days that the reviews are of.")
    price: float = Field(0.05, ge=0, description="What a core costs for an hour, in dollars.")
    seed: int = Field(17, description="Seed of the differences between the pieces of a job.")
    output: Path | None = Field(None, description=_WHERE)


class BenchmarkPreparationConfig(VerbConfig):
    """Import and clean the same history with this project, pandas and Dask, under the same rules; write the table."""

    source: str = Field(min_length=1, description="A .jsonl or .jsonl.gz file, or a folder of them.")
    cores: int = Field(2, ge=1, description="Cores that everybody uses.")
    repeats: int = Field(3, ge=1, description="Times that each is measured, in turn; medians are shown.")
    output: Path | None = Field(None, description=_WHERE)
