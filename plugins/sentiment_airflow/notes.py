"""What came of a run, as the run's note, which its page shows: why a task of it failed, and what the others said.

A task's own process leaves its sentences; the scheduler makes the note of them each time that the run has ended. Two
marks, which the page does not show, tell them from what a person wrote around them, which stays. The first one stands
after their first line, for that is all that the page shows of a note until somebody opens it.
"""

from __future__ import annotations

import json
import logging
import re
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

from sentiment.core.wording import beginning

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import Select

log = logging.getLogger(__name__)

# Under this key tasks leave their sentences.
NOTE_KEY = "said"
# What Airflow keeps of a note, and what an error takes of it at most.
_LONGEST, _LONGEST_ERROR, _LONGEST_WORD = 1000, 600, 200
# So begins the sentence of a task that failed.
_FAILED = "Failed in "
_MARK, _END = "\n\n<!-- from the tasks, with the line above -->", "\n\n<!-- to here -->"
# So notes began until November 2026, and showed nothing of themselves.
_FORMER_MARK = "<!-- from the tasks -->"
_OURS = re.compile(f"(?:[^\n]+{_MARK}|{_FORMER_MARK}).*?(?:{_END.strip()}|\\Z)", re.DOTALL)
# What Markdown would take for its own: a delivered file may name its columns as it likes.
_MARKDOWN = re.compile(r"[\\`*_\[\]<>!#|~]")
# What it would make a link of by itself, whatever is escaped; as code it is shown and is none.
_ADDRESS = re.compile(r"\S*(?:://|www\.|@)\S*", re.IGNORECASE)
_LEFT_OUT = "…"
_TASK = ("dag_id", "run_id", "task_id", "map_index")


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
    told: Any = getattr(error, "args", ())
    if len(told) == 1 and isinstance(told[0], dict) and "error" in told[0]:
        error = str(told[0]["error"])  # so Airflow tells what a deferred task ended with
    ours = kind.__module__.split(".")[0] in {"sentiment", "airflow", "builtins"} and kind.__name__ != "KeyError"
    text = str(error) if ours and str(error) else f"{kind.__name__}: {error}"
    # Of a word for which there is no room `shorten` leaves nothing, nor of what follows.
    words = " ".join(beginning(word, _LONGEST_WORD) for word in text.split())
    return shorten(words, _LONGEST_ERROR, placeholder=" …")


def _note(dag_run: DagRun) -> None:
    """Put what the tasks say now in place of what they said before; never trouble the scheduler."""
    try:
        said, given = _said(dag_run), dag_run.note or ""
        if said or _OURS.search(given):
            theirs = "\n\n".join(filter(None, (part.strip() for part in _OURS.split(given))))
            dag_run.note = _written(theirs, said)
    except Exception:
        log.exception("the note of %s could not be written", dag_run.run_id)


def _written(theirs: str, said: list[str]) -> str:
    """Return a note: a person's text, which is never cut, and of the tasks' sentences what it leaves room for."""
    room = _LONGEST - len(theirs) - len("\n\n") - len(_MARK) - len(_END)
    first, *rest = _paragraphs([_escaped(sentence) for sentence in said], room).split("\n\n")
    ours = "\n\n".join([f"{first}{_MARK}", *rest]) + _END if first else ""
    return "\n\n".join(filter(None, [theirs, ours]))


def _paragraphs(said: list[str], room: int) -> str:
    """Return each failure as a paragraph, and then what was done as one; where room lacks, the oldest is left out."""
    failed = [sentence for sentence in said if sentence.startswith(_FAILED)]
    done = [sentence for sentence in said if not sentence.startswith(_FAILED)]
    first = "\n\n".join(_newest(failed, room, "\n\n"))
    rest = " ".join(_newest(done, room - len(first) - len("\n\n"), " "))
    return "\n\n".join(filter(None, [first, rest]))


def _newest(sentences: list[str], room: int, between: str) -> list[str]:
    """Return the last sentences that fit, after an ellipsis where others were left out; of a long one its beginning."""
    kept: list[str] = []
    for number, sentence in enumerate(reversed(sentences), start=1):
        needed = len(sentence) + (len(_LEFT_OUT) + len(between) if number < len(sentences) else 0)
        if needed > room:
            return [f"{_LEFT_OUT} {kept[0]}", *kept[1:]] if kept else [_shortened(sentence, room)]
        kept.insert(0, sentence)
        room -= len(sentence) + len(between)
    return kept


def _shortened(sentence: str, room: int) -> str:
    return shorten(sentence, room, placeholder=f" {_LEFT_OUT}") if room > 0 else ""


def _escaped(sentence: str) -> str:
    """Return a sentence in one line, of which Markdown shows every character."""
    words = " ".join(sentence.split()).split(" ")
    return " ".join(_as_code(word) if _ADDRESS.fullmatch(word) else _MARKDOWN.sub(r"\\\g<0>", word) for word in words)


def _as_code(word: str) -> str:
    return "`" + word.replace("`", "'") + "`"


def _said(dag_run: DagRun) -> list[str]:
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return []
    with session.no_autoflush:
        values = session.scalars(_left_behind(dag_run.dag_id, dag_run.run_id))
        return [sentence for value in values for sentence in _sentences(value)]


def _left_behind(dag_id: str, run_id: str) -> Select[Any]:
    """Return the query for what the tasks left that ended; one that was cleared and not reached again says nothing."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from sqlalchemy import and_, select

    of_task = [getattr(XComModel, name) == getattr(TaskInstance, name) for name in _TASK]
    return (
        select(XComModel.value)
        .join(TaskInstance, and_(*of_task))
        .where(XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == NOTE_KEY)
        .where(TaskInstance.state.in_(["success", "failed"]))
        .order_by(XComModel.timestamp)
    )


def _sentences(value: Any) -> list[str]:
    return [str(sentence) for sentence in (json.loads(value) if isinstance(value, str) else value)]
