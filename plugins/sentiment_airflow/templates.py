"""Templates that read what tasks returned and were given; a field that a result does not have fails the parse."""

from __future__ import annotations

from airflow.sdk.definitions.mappedoperator import MappedOperator

from sentiment.core.verb import AnyVerb
from sentiment_airflow.operators import VerbTask


def field_of(task: VerbTask, name: str) -> str:
    """Return the template of a field of what a verb's task returns."""
    return f"{{{{ {result_of(task, name)} }}}}"


def result_of(task: VerbTask, name: str) -> str:
    """Return the same as an expression, to stand in a longer template."""
    return f"ti.xcom_pull(task_ids='{task.task_id}')['{_checked(task.verb, name)}']"


def fields_of(task: MappedOperator, name: str) -> str:
    """Return the template of a field of what all those of a verb's mapped tasks return that succeeded, a JSON list.

    What a task returned that was removed since, because a cleared run maps fewer, or that was marked as failed, stays
    where it was; so states are asked for.
    """
    name, of = _checked(task.partial_kwargs["verb"], name), task.task_id
    states = f"ti.get_task_states(dag_id=ti.dag_id, task_ids=['{of}'], run_ids=[run_id])[run_id].items()"
    of_success = f"selectattr(1, 'equalto', 'success') | map('first') | select('ne', '{of}')"
    places = f"{states} | {of_success} | map('replace', '{of}_', '') | map('int') | sort"
    results = f"ti.xcom_pull(task_ids=['{of}'], map_indexes={places})"
    return f"{{{{ {results} | select | map(attribute='{name}') | list | tojson }}}}"


def given_or_first(param: str, task: MappedOperator, name: str) -> str:
    """Return the template of a field of the form, or where that is empty of what the first of mapped tasks returns."""
    name = _checked(task.partial_kwargs["verb"], name)
    return f"{{{{ params['{param}'] or ti.xcom_pull(task_ids=['{task.task_id}'])[0]['{name}'] }}}}"


def own(verb: AnyVerb, name: str) -> str:
    """Return the template of a field of a mapped task's own result, for its name; there is one when it is done."""
    return f"{{{{ result['{_checked(verb, name)}'] }}}}"


def given(verb: AnyVerb, name: str, spelled: str = "") -> str:
    """Return the template of a field that a mapped task was given, or of its default, for its name.

    `spelled` is how Python's `format` writes it.
    """
    known = verb.config.model_fields
    if name not in known:
        raise ValueError(f"{verb.name} does not take {name}; it takes {', '.join(known)}")
    # Airflow's templates know no name that is not there: a task would fail when its work is done.
    value = f"task.values.get('{name}')"
    if not known[name].is_required():
        value = f"({value} if {value} is not none else {known[name].default!r})"
    return f"{{{{ '{{:{spelled}}}'.format({value}) }}}}" if spelled else f"{{{{ {value} }}}}"


def _checked(verb: AnyVerb, name: str) -> str:
    if name not in verb.result.model_fields:
        raise ValueError(f"{verb.name} returns no {name}; it returns {', '.join(verb.result.model_fields)}")
    return name
