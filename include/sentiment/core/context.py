"""What a verb works with: built once, where it is called, and handed down. Nothing below asks its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress, logged
from sentiment.core.provenance import actor, provenance, run_id
from sentiment.core.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Context:
    """The deployment, who acts, the run that it happens in, the moment, and where progress is told.

    `actor` is `dag/run` in Airflow and a user's name in a shell; `now` is in UTC. `provenance` are the names by which
    tags, ledger and metadata say where a thing came from: dag, run, task, try, day, map_index, git_commit, where known.
    `spark` is a session that the caller runs several verbs in; without one a verb that needs Spark opens its own.
    """

    settings: Settings
    actor: str
    run_id: str
    now: datetime
    progress: OnProgress = logged
    provenance: dict[str, str] = field(default_factory=dict)
    spark: SparkSession | None = None

    @classmethod
    def of_process(cls, progress: OnProgress = logged) -> Context:
        """Build that of this process, an Airflow task's or a shell's; raises ValidationError for bad settings.

        A file of them that is not in UTF-8 is a ContractError.
        """
        try:
            settings = Settings()
        except UnicodeDecodeError:
            raise ContractError(f"{Settings.model_config['env_file']} is not in UTF-8; save it as that") from None
        return cls(
            settings=settings,
            actor=actor(),
            run_id=run_id(),
            now=datetime.now(UTC),
            progress=progress,
            provenance=provenance(),
        )
