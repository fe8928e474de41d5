"""What came of a run, as the run's note, which its page shows: what its tasks said, and why one of them failed.

A task's own process leaves its sentences; the scheduler makes the note of them when the run has ended.
"""

from __future__ import annotations

import json
import logging
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)

# Under this key tasks leave their sentences.
NOTE_KEY = "said"
# What Airflow keeps of a note, and what an error takes of it at most.
_LONGEST, _LONGEST_ERROR = 1000, 600
# So begins the paragraph of a task that failed; when the run has ended anew it is of an earlier try.
_FAILED = "Failed in "


@hookimpl
def on_task_instance_failed(task_instance: Any, error: str | BaseException | None) -> None:
    """Leave the sentence of a task's error for the run's note; another try of the task takes it away."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # The scheduler and the API server call this hook too, but cannot push an XCom for the task.
    if not isinstance(task_instance, RuntimeTaskInstance):
        return
    try:
        if sentence := _sentence(error):
            task_instance.xcom_push(NOTE_KEY, [f"{_FAILED}{_name(task_instance)}: {sentence}"])
    except Exception:
        log.exception("why %s failed could not be kept for the run's note", task_instance.task_id)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Write what the tasks said."""
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Write what those tasks said that were done, and why the others failed."""
    _note(dag_run)


def _name(task_instance: Any) -> str:
    index = task_instance.map_index
    return f"{task_instance.task_id}[{index}]" if index is not None and index >= 0 else str(task_instance.task_id)


def _sentence(error: str | BaseException | None) -> str:
    """Say an error in a line; one of ours, or of Airflow's, is a sentence, any other needs its kind."""
    if error is None:
        return ""
    kind = type(error)
    ours = kind.__module__.split(".")[0] in {"sentiment", "airflow", "builtins"} and kind.__name__ != "KeyError"
    text = str(error) if ours and str(error) else f"{kind.__name__}: {error}"
    return shorten(text, _LONGEST_ERROR, placeholder=" …")


def _note(dag_run: DagRun) -> None:
    """Add the tasks' sentences, in the order in which they ended, to what stands there; never trouble the scheduler."""
    try:
        said = _paragraphs(_said(dag_run))
        given = [
            paragraph
            for paragraph in (dag_run.note or "").split("\n\n")
            if paragraph and not paragraph.startswith(_FAILED)
        ]
        if new := [paragraph for paragraph in said if paragraph not in given]:
            dag_run.note = "\n\n".join([*given, *new])[:_LONGEST]
    except Exception:
        log.exception("the note of %s could not be written", dag_run.run_id)


def _paragraphs(said: list[str]) -> list[str]:
    """Return what was done as one paragraph, and each failure as one of its own."""
    done = " ".join(sentence for sentence in said if not sentence.startswith(_FAILED))
    return [*filter(None, [done]), *(sentence for sentence in said if sentence.startswith(_FAILED))]


def _said(dag_run: DagRun) -> list[str]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return []
    query = (
        select(XComModel.value)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == NOTE_KEY)
        .order_by(XComModel.timestamp)
    )
    with session.no_autoflush:
        return [sentence for value in session.scalars(query) for sentence in _sentences(value)]


def _sentences(value: Any) -> list[str]:
    return [str(sentence) for sentence in (json.loads(value) if isinstance(value, str) else value)]
