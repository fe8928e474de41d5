"""Where things are in a deployment; nothing here depends on a run."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[3]


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
    database: str = Field(
        "",
        description="Server of Airflow's and MLflow's databases, postgresql://user:password@host; our own when empty.",
    )
    mlflow_uri: str = Field("", description="MLflow tracking address; the platform's server when empty.")
    artifacts: str = Field("", description="Root of MLflow's artifacts, a folder or s3://; HOME/mlflow when empty.")
    experiment: str = Field("review-sentiment", description="MLflow experiment of the training runs.")
    studies: str = Field(
        "", description="Searches: address of PostgreSQL or SQLite, or a .journal file; a SQLite under HOME when empty."
    )
    spark_master: str = Field("local[2]", description="Spark master of sessions that this process opens itself.")
    spark_memory: str = Field("2g", description="Memory of the Spark driver (and of the executors in local mode).")
    train_queue: str = Field("default", description="Airflow queue of the training tasks.")
    airflow_port: int = Field(8080, ge=1, le=65535, description="Port of Airflow's UI and API.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow server.")

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
        """MLflow's tracking address: the one named, or the server that the platform starts on this machine."""
        return self.mlflow_uri.rstrip("/") or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def study_storage(self) -> str:
        """Where studies are kept: a database's address, or the path of a journal file, from HOME when relative."""
        return self.studies or f"sqlite:///{self.home / 'tuning' / 'studies.db'}"
