"""What came of a run, as the run's note, which its page shows. The scheduler calls it when a run has ended."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)

# Under this key tasks leave their sentences.
NOTE_KEY = "said"
# What Airflow keeps of a note.
_LONGEST = 1000


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Write what the tasks said."""
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Write what those tasks said that were done."""
    _note(dag_run)


def _note(dag_run: DagRun) -> None:
    """Add the tasks' sentences, in the order in which they ended, to what stands there; never trouble the scheduler."""
    try:
        said = _said(dag_run)
        given = dag_run.note or ""
        if said and said not in given:
            dag_run.note = "\n\n".join(filter(None, [given, said]))[:_LONGEST]
    except Exception:
        log.exception("the note of %s could not be written", dag_run.run_id)


def _said(dag_run: DagRun) -> str:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return ""
    query = (
        select(XComModel.value)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == NOTE_KEY)
        .order_by(XComModel.timestamp)
    )
    with session.no_autoflush:
        return " ".join(sentence for value in session.scalars(query) for sentence in _sentences(value))


def _sentences(value: Any) -> list[str]:
    return [str(one) for one in (json.loads(value) if isinstance(value, str) else value)]
