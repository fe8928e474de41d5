"""Where things are in a deployment; nothing here depends on a run."""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from sentiment.core.places import ADDRESS, OF_S3, in_addresses, in_full, is_address, sqlite_in_full

log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parents[3]
# What spark-submit is given.
DRIVER = PROJECT / "include" / "sentiment" / "driver.py"
PREFIX = "SENTIMENT_"
# Variables of ours that others read: provenance, and the plugin of Airflow's pages.
OF_OTHERS = frozenset({"GIT_COMMIT", "ALLOWED_HOSTS"})
# So near (HOEM and HOME, with the prefix) is a misspelling; what a cluster adds for a service named `sentiment`
# (SENTIMENT_MLFLOW_SERVICE_PORT) is farther from all of ours.
_MISSPELT = 0.85
# Of this machine with some cores or all, or of another; more than 4 digits of cores would be threads without end.
_MASTER = re.compile(
    r"(sail|local)(\[(\*|[1-9]\d{0,3})(,\d+)?\])?|local-cluster\[.+\]|(spark|k8s)://.+|"
    r"sc://([^/:\[\]]+|\[[\d:A-Fa-f.]+\])(:\d{1,5})?(/.*)?"
)


# What a person corrects whose master does not answer.
NAMES_THE_MASTER = "SENTIMENT_SPARK_MASTER, or in Airflow the connection spark_default"


def without_token(master: str) -> str:
    """Return a master without what may follow in its address, such as the token of a Spark Connect server."""
    return master.partition(";")[0]


def _master_of_spark(value: str) -> str:
    master = value.strip()
    if not _MASTER.fullmatch(master):
        raise ValueError(
            f"{without_token(value)!r} is no master of Spark; take sail, sail[2], local[*], local[2], "
            "spark://host:7077, k8s://https://host:443 or sc://host:15002"
        )
    return master


SparkMaster = Annotated[str, AfterValidator(_master_of_spark)]


_FOLDERS, _OF_SQLITE = ("home", "landing", "lake", "products", "artifacts"), ("mlflow_uri", "studies")


class _OfProject(DotEnvSettingsSource):
    """.env, whose relative places are taken from the project's folder, where it lies: it is read from anywhere."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        for name, value in values.items():
            with suppress(ValueError):  # said where they are validated, with the variable's name
                if name in _FOLDERS and not (ADDRESS.match(value) or OF_S3.match(value)):
                    values[name] = in_full(value, PROJECT)
                elif name in _OF_SQLITE:
                    values[name] = sqlite_in_full(value, PROJECT)
        return values


class Settings(BaseSettings):
    """Where things are in this deployment: SENTIMENT_* variables or .env, with defaults that work on a laptop.

    S3 is configured by the standard AWS_* variables (AWS_ENDPOINT_URL, AWS_REGION, keys), which boto3, deltalake and
    pyarrow all read; they are not repeated here, so that no key passes through this class.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=PROJECT / ".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # one of them may be a database's address with its password
    )

    home: Path = Field(PROJECT / "var" / "current", description="Folder for everything that this machine keeps.")
    landing: str = Field("", description="Folder or s3:// prefix of the daily files; HOME/landing when empty.")
    lake: str = Field("", description="Folder or s3:// prefix of the Delta tables; HOME/lake when empty.")
    products: str = Field("", description="Folder or s3:// prefix of meta_*.jsonl.gz; HOME/products when empty.")
    database: str = Field(
        "",
        description="Server of Airflow's and MLflow's databases, postgresql://user:password@host; our own when empty.",
    )
    mlflow_uri: str = Field("", description="MLflow tracking address; the platform's server when empty.")
    mlflow_public_url: str = Field("", description="MLflow's address in a browser, for links; the same when empty.")
    artifacts: str = Field("", description="Root of MLflow's artifacts, or s3://; HOME/mlflow/artifacts when empty.")
    experiment: str = Field("review-sentiment", description="MLflow experiment of the training runs.")
    studies: str = Field(
        "", description="Searches: address of PostgreSQL or SQLite, or a .journal file; a SQLite under HOME when empty."
    )
    spark_master: SparkMaster = Field("sail[2]", description="Spark master of sessions that this process opens itself.")
    spark_memory: str = Field("2g", description="Memory of the Spark driver (and of the executors in local mode).")
    train_queue: str = Field("default", description="Airflow queue of the training tasks.")
    airflow_port: int = Field(8080, ge=1, le=65535, description="Port of Airflow's UI and API.")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="Port of the MLflow server.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the places of .env begin in the project's folder; those of a shell do where that stands."""
        of_project = _OfProject(settings_cls, getattr(dotenv_settings, "env_file", None))
        return init_settings, env_settings, of_project, file_secret_settings

    @field_validator("airflow_port", "mlflow_port", mode="before")
    @classmethod
    def _port_of_ours(cls, value: Any, info: ValidationInfo) -> Any:
        return cls.model_fields[str(info.field_name)].default if _is_of_a_service(value) else value

    @field_validator("mlflow_uri", "mlflow_public_url", mode="after")
    @classmethod
    def _address_in_full(cls, value: str) -> str:
        if value and not is_address(value):
            raise ValueError("this is no address; write http://host:5000, https://host or sqlite:////a/file.db")
        return value

    @field_validator(*_OF_SQLITE, mode="after")
    @classmethod
    def _sqlite_in_full(cls, value: str) -> str:
        return sqlite_in_full(value)

    @field_validator("home", mode="after")
    @classmethod
    def _home_in_full(cls, value: Path) -> Path:
        return Path(in_addresses(in_full(str(value))))

    @field_validator("landing", "lake", "products", "artifacts", mode="after")
    @classmethod
    def _folder_or_s3(cls, value: str, info: ValidationInfo) -> str:
        # MLflow keeps its artifacts in other places too.
        refused = OF_S3.match(value) or (info.field_name != "artifacts" and ADDRESS.match(value))
        if refused and not re.match("s3://[^/]", value):
            raise ValueError(
                f"{value} is no folder and no place in a bucket of S3; write /a/folder or s3://bucket/prefix"
            )
        return in_full(value) if value and not ADDRESS.match(value) else value

    @field_validator("lake", "artifacts", mode="after")
    @classmethod
    def _folder_of_addresses(cls, value: str) -> str:
        return value if ADDRESS.match(value) and not value.startswith("s3://") else in_addresses(value)

    @model_validator(mode="after")
    def _no_misspelt_variable(self) -> Self:
        for name in _unknown_variables(type(self)):
            near = get_close_matches(name, _known_variables(type(self)), 1, _MISSPELT)
            if near:
                raise ValueError(f"{name} is no setting; did you mean {near[0]}?")
            _warn_of(name)
        return self

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

    def as_environment(self) -> dict[str, str]:
        """Return the variables from which another process reads these settings, every place in full.

        What is empty here would be read from that process's .env. The database server stays out: its address may hold
        a password, and who needs it is told it by itself.
        """
        places = {
            "landing": self.landing_root,
            "lake": self.lake_root,
            "products": self.products_root,
            "artifacts": self.artifact_root,
            "mlflow_uri": self.tracking_uri,
            "studies": self.study_storage,
        }
        values = self.model_dump(exclude={"database"}) | places
        return {PREFIX + name.upper(): str(value) for name, value in values.items()}

    def in_home(self, home: Path, **changes: str) -> Self:
        """Return the settings of another home, in which every place lies, with `changes` to the others."""
        places = dict.fromkeys(("landing", "lake", "products", "artifacts", "mlflow_uri", "studies"), "")
        return self.model_copy(update={"home": home, **places, **changes})


def _known_variables(settings: type[BaseSettings]) -> list[str]:
    return [PREFIX + name.upper() for name in settings.model_fields] + sorted(PREFIX + name for name in OF_OTHERS)


def _unknown_variables(settings: type[BaseSettings]) -> list[str]:
    """Return the variables of the environment and of .env that begin as ours do, and are none of ours."""
    from dotenv import dotenv_values

    file = settings.model_config.get("env_file")
    written = dotenv_values(str(file)) if isinstance(file, str | os.PathLike) else {}
    ours = {name.upper(): value for name, value in {**written, **os.environ}.items() if name.upper().startswith(PREFIX)}
    names = {name for name, value in ours.items() if not _is_of_a_service(value)}
    return sorted(names - set(_known_variables(settings)))


def _is_of_a_service(value: Any) -> bool:
    """Tell what Kubernetes puts into the environment of each pod for a service, which may be called as ours is."""
    return isinstance(value, str) and value.startswith(("tcp://", "udp://", "sctp://"))


@cache
def _warn_of(variable: str) -> None:
    log.warning("%s is no setting of this platform and is not read", variable)
