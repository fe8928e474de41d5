"""Lets the demo's DAGs run while it works, and leaves them as they were: paused or not, with the runs that they had.

What they were stands in HOME/demo.json until then, for a demo that is interrupted is gone on with by another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError, UnavailableError
from sentiment_local.airflow_api import AirflowApi


class Before(BaseModel):
    """What the DAGs were: of those that were paused, the ids of the active runs of their schedules."""

    model_config = ConfigDict(frozen=True)

    scheduled: dict[str, tuple[str, ...]]


@contextmanager
def unpaused(airflow: AirflowApi, home: Path, dags: Sequence[str]) -> Iterator[None]:
    """Unpause the DAGs for the block; afterwards, when it fails too, they are as they were.

    An interruption leaves them unpaused, so that what was begun goes on; the next block ends it.
    """
    file = home / "demo.json"
    before = _written(file) or _noted(airflow, file, dags)
    try:
        for dag in dags:
            airflow.unpause(dag)
        yield
    except Exception:
        with suppress(ContractError, UnavailableError):
            _leave_as(before, airflow, file)
        raise
    _leave_as(before, airflow, file)


def what_now(airflow: AirflowApi, dags: Sequence[str]) -> str:
    """Say which of the DAGs are paused, and what that means."""
    paused = [dag for dag in dags if airflow.is_paused(dag)]
    if len(paused) == len(dags):
        return (
            "the four DAGs are paused again: unpause ingest_reviews and score_reviews to have every new day's file "
            "scored, train_models to train every week"
        )
    return f"paused, as before: {', '.join(paused) or 'none'}; the other DAGs go on by their schedules"


def _noted(airflow: AirflowApi, file: Path, dags: Sequence[str]) -> Before:
    paused = [dag for dag in dags if airflow.is_paused(dag)]
    before = Before(scheduled={dag: tuple(airflow.active_runs(dag, "scheduled")) for dag in paused})
    with replacing(file) as aside:
        aside.write_text(before.model_dump_json(), encoding="utf-8")
    return before


def _written(file: Path) -> Before | None:
    """Return what an interrupted demo wrote; what is no such note counts for none."""
    try:
        return Before.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _leave_as(before: Before, airflow: AirflowApi, file: Path) -> None:
    """Pause what was paused, and delete the runs that its schedule has made since; what was not paused is left alone.

    The demo's files are of another time: a daily run would wait half a day for a file, and fail, every day.
    """
    for dag in before.scheduled:
        airflow.pause(dag)
    for dag, there in before.scheduled.items():
        for run_id in airflow.active_runs(dag, "scheduled"):
            if run_id not in there:
                airflow.delete_run(dag, run_id)
    file.unlink(missing_ok=True)
