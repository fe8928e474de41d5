"""What a run depends on: one frozen class a verb, the settings of a deployment, and the label names.

The command line's flags, the trigger forms of the DAGs and the parameters in MLflow are all generated from these
classes. This module knows nothing of the libraries that do the work.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[2]

NEGATIVE, POSITIVE = 0, 1
LABELS = ("negative", "positive")
POSITIVE_STARS = 4.0
NEGATIVE_STARS = 2.5
NEEDS_REVIEW_BELOW = 0.70
REGISTERED_MODEL = "review-sentiment"
CHAMPION, PREVIOUS_CHAMPION = "champion", "previous_champion"

Share = Annotated[float, Field(ge=0, le=1)]


def _model_reference(value: str) -> str:
    if value in {CHAMPION, "champion_at_date"} or value.isdigit():
        return value
    raise ValueError(f"model is {value!r}; give 'champion', 'champion_at_date' or a version number such as 3")


ModelReference = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_model_reference)]


class Settings(BaseSettings):
    """Where things are in this deployment: SENTIMENT_* variables or .env, with defaults that work on a laptop.

    S3 is configured by the standard AWS_* variables (AWS_ENDPOINT_URL, AWS_REGION, keys), which boto3, deltalake and
    pyarrow all read; they are not repeated here, so that no key passes through this class.
    """

    model_config = SettingsConfigDict(env_prefix="SENTIMENT_", env_file=PROJECT / ".env", extra="ignore", frozen=True)

    home: Path = Field(PROJECT / "var" / "current", description="Folder for everything that this machine keeps.")
    landing: str = Field("", description="Folder or s3:// prefix of the daily files; HOME/landing when empty.")
    lake: str = Field("", description="Folder or s3:// prefix of the Delta tables; HOME/lake when empty.")
    products: str = Field("", description="Folder or s3:// prefix of meta_*.jsonl.gz; HOME/products when empty.")
    mlflow_uri: str = Field("", description="MLflow tracking server; the database under HOME when empty.")
    artifacts: str = Field("", description="Root of MLflow's artifacts, a folder or s3://; HOME/mlflow when empty.")
    experiment: str = Field("review-sentiment", description="MLflow experiment of the training runs.")
    spark_master: str = Field("local[2]", description="Spark master of sessions that this process opens itself.")
    spark_memory: str = Field("2g", description="Memory of the Spark driver (and of the executors in local mode).")
    schedule_from: date = Field(date(2026, 1, 1), description="From when train_models runs every week by itself.")
    train_queue: str = Field("default", description="Airflow queue of the training tasks.")
    airflow_port: int = Field(8080, description="Port of Airflow's UI and API.")
    mlflow_port: int = Field(5000, description="Port of the MLflow server.")

    @property
    def landing_root(self) -> str:
        """Where the daily files lie."""
        return self.landing or str(self.home / "landing")

    @property
    def lake_root(self) -> str:
        """Where the Delta tables lie."""
        return self.lake or str(self.home / "lake")

    @property
    def products_root(self) -> str:
        """Where the product files lie."""
        return self.products or str(self.home / "products")

    @property
    def artifact_root(self) -> str:
        """Where MLflow's artifacts lie."""
        return self.artifacts or str(self.home / "mlflow" / "artifacts")

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking address."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"


class VerbConfig(BaseModel):
    """What every verb's configuration shares: it is frozen, and a field that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IngestOptions(VerbConfig):
    """How raw lines become reviews, for a day's files and for a whole history alike."""

    max_bad_share: Share = Field(0.2, description="Largest share of bad lines; with more, nothing is written.")
    expand_contractions: bool = Field(False, description="Write contractions out: don't becomes do not.")
    lower_case: bool = Field(False, description="Fold titles and texts to lower case.")


class IngestConfig(IngestOptions):
    """Read one day's files from the landing into the lake."""

    day: date = Field(description="The day to ingest, YYYY-MM-DD.")


class ImportHistoryConfig(IngestOptions):
    """Read files of any number of days into the lake, in one Spark job."""

    source: str = Field(min_length=1, description="A .jsonl or .jsonl.gz file, or a folder or s3:// prefix of them.")


class DayRange(VerbConfig):
    """A closed range of days."""

    from_day: date = Field(description="First day, YYYY-MM-DD.")
    to_day: date = Field(description="Last day, inclusive, YYYY-MM-DD.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_day > self.to_day:
            raise ValueError(f"from_day {self.from_day} lies after to_day {self.to_day}; swap them")
        return self


class SnapshotConfig(VerbConfig):
    """Pin the reviews of a training: de-duplicate over all history, label by stars, split by product and by time."""

    from_day: date | None = Field(None, description="First day; the first in the lake when empty.")
    to_day: date | None = Field(None, description="Last day; the last in the lake when empty.")
    reviews_version: int | None = Field(None, ge=0, description="Version of the table reviews; the newest when empty.")
    min_words: int = Field(10, ge=1, description="Shorter reviews are neither trained on nor tested on.")
    test_share: Share = Field(0.2, description="Share of the products kept for the test.")
    validation_share: Share = Field(0.1, description="Share of the products kept for validation.")
    recent_share: Share = Field(
        0.25, description="Validate and test on the newest share of reviews, train on the rest."
    )
    split_seed: int = Field(17, description="Seed of the split by product and of every sample taken from it.")


Family = Literal["linear", "encoder"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


class TrainConfig(VerbConfig):
    """Train one candidate on a snapshot, evaluate it on the test products, and record it in MLflow."""

    family: Family = Field("encoder", description="The model family.")
    snapshot: str | None = Field(None, description="Id of the snapshot; a new one of the whole lake when empty.")
    train_reviews: int = Field(12_000, ge=100, description="Most reviews to train on, sampled from the snapshot.")
    evaluation_reviews: int = Field(4_000, ge=50, description="Most reviews to validate on while training.")
    test_reviews: int = Field(4_000, ge=50, description="Most reviews to test on; the same for every candidate.")
    encoder: str = Field("all-MiniLM-L6-v2", description="Local folder, packaged model or hub name of the encoder.")
    max_length: int = Field(128, ge=8, description="Tokens of a review that the encoder sees, head and tail.")
    head_share: Share = Field(0.5, description="Share of those tokens taken from the beginning of a longer review.")
    learning_rate: float = Field(1e-4, gt=0, description="Peak learning rate (AdamW).")
    epochs: float = Field(1.0, gt=0, description="Passes over the training reviews.")
    batch_size: int = Field(32, ge=1, description="Reviews a step.")
    warmup_share: Share = Field(0.1, description="Share of the steps in which the learning rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay (AdamW).")
    evaluations: int = Field(4, ge=1, description="Validations and checkpoints a training run.")
    patience: int = Field(3, ge=1, description="Validations without a better macro F1 before training stops.")
    precision: Precision = Field("auto", description="Number format; auto takes bf16 or fp16 where the hardware can.")
    buckets: int = Field(2**20, ge=2**8, description="Hash buckets of the linear family's uni- and bigrams.")
    inverse_regularisation: float = Field(8.0, gt=0, description="C of the linear family's logistic regression.")
    seed: int = Field(17, description="Seed of initialisation, order and dropout.")


class ExportConfig(VerbConfig):
    """Export a trained run as an ONNX bundle, check its parity, and register it as a model version."""

    run_id: str = Field(min_length=1, description="MLflow run of the training.")
    parity_reviews: int = Field(1_000, ge=20, description="Validation reviews of the parity gate.")
    max_probability_gap: float = Field(1e-3, gt=0, description="Largest difference of fp32 ONNX from torch.")
    max_accuracy_loss: float = Field(0.005, ge=0, description="Largest loss of accuracy of int8 against fp32.")


class PromoteConfig(VerbConfig):
    """Compare candidates with the champion on the same test reviews and move the alias when one is better."""

    versions: tuple[int, ...] = Field((), description="Candidate versions; the newest one when empty.")
    tolerance: Share = Field(0.002, description="Macro F1 that a candidate may lack against champion and baseline.")


class ScoreConfig(VerbConfig):
    """Score one day of the lake's reviews."""

    day: date = Field(description="The day to score, YYYY-MM-DD.")
    model: ModelReference = Field(CHAMPION, description="champion, champion_at_date, or a version number.")


class RescoreConfig(DayRange):
    """Score every day of a range anew in one Spark job, one commit a day."""

    model: ModelReference = Field(CHAMPION, description="champion, champion_at_date, or a version number.")


class PredictConfig(VerbConfig):
    """Score texts given as arguments, or the rows of a file."""

    texts: tuple[str, ...] = Field((), description="The texts to score.")
    input: Path | None = Field(None, description="JSONL, JSONL.gz, CSV or Parquet with text and, optionally, title.")
    output: Path | None = Field(None, description="The file to write, of any of these kinds; rows keep their order.")
    model: ModelReference = Field(CHAMPION, description="champion or a version number.")

    @model_validator(mode="after")
    def _texts_or_files(self) -> Self:
        if bool(self.texts) == bool(self.input):
            raise ValueError("give either texts or --input FILE")
        if bool(self.input) != bool(self.output):
            raise ValueError("--input FILE and --output FILE go together")
        return self


class SampleConfig(VerbConfig):
    """Generate reviews to try the platform on: a history, daily files and products, the same for the same seed."""

    output: Path = Field(description="Folder to write; it may be given to the demo as REVIEWS.")
    reviews: int = Field(20_000, ge=100, description="About how many reviews.")
    days: int = Field(60, ge=10, description="Over how many days.")
    daily_days: int = Field(14, ge=7, description="How many of the last days become daily files.")
    last_day: date = Field(date(2024, 6, 29), description="The last day.")
    seed: int = Field(17, description="Seed of everything that is drawn.")


class ReportConfig(VerbConfig):
    """Show what the lake holds for the last scored days, and the model in force."""

    days: int = Field(7, ge=1, description="How many days, counted back from the last scored one.")


class DoctorConfig(VerbConfig):
    """Check this machine before anything is started: Python, Java, ports, disk, memory, versions."""


class PlatformConfig(VerbConfig):
    """Start (up) or stop (down) the platform on this machine: Airflow with its UI, and the MLflow server."""


class DemoConfig(VerbConfig):
    """Run the main job on this machine: import, train, promote, backfill seven days; the platform stays up."""

    reviews: Path | None = Field(
        None, description="Folder of reviews (*.jsonl.gz, daily/, meta_*); a sample when empty."
    )
    days: int = Field(7, ge=1, description="How many of the last landed days are scored.")
    encoder_reviews: int = Field(2_000, ge=200, description="Reviews that the encoder is trained on.")
    linear_reviews: int = Field(60_000, ge=200, description="Reviews that the linear baseline is trained on.")
