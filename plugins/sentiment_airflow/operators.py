"""Tasks that run a verb, in the task's own process or through spark-submit: verb and master say which."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.plain_json import plain_json
from sentiment.core.settings import DRIVER, Settings
from sentiment.core.verb import AnyVerb, VerbResult
from sentiment.stores.spark import speaks_connect
from sentiment.stores.spark_jvm import driver_java_options
from sentiment_airflow.assets import DAYS_OF, LONG
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink
from sentiment_airflow.notes import NOTE_KEY
from sentiment_airflow.run_inputs import run_config

# Airflow's server writes an event a day while the task waits for its answer, 5 s at most; each takes some milliseconds.
_MOST_PARTITIONS = 366


class _EndedAsInterrupts:
    """Ends what a task does in its own process as Ctrl-C does, when Airflow ends the task.

    So a run in MLflow is no longer said to be at work, and a job's own folder does not stay.
    """

    _at_work = False

    @contextmanager
    def _work(self) -> Iterator[None]:
        self._at_work = True
        try:
            yield
        finally:
            self._at_work = False

    def on_kill(self) -> None:
        """Interrupt the work in this process, once; a second signal does not break off what ends it."""
        if self._at_work:
            self._at_work = False
            raise KeyboardInterrupt("Airflow ended the task")
        super().on_kill()  # type: ignore[misc]


class VerbOperator(_EndedAsInterrupts, BaseOperator):
    """Runs a verb and returns its result, as JSON has it, as XCom.

    The fields of the verb's configuration come from the run's form and from `values`.
    """

    template_fields: Sequence[str] = ("values",)
    operator_extra_links = (ReportLink(), TrainingRunLink(), ModelVersionLink())
    ui_color = "#e8f4ea"

    def __init__(self, *, verb: AnyVerb, values: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.verb = verb
        self.values = values or {}

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the verb; a broken contract fails the task at once, without another try."""
        config = run_config(self.verb.config, context, self.values)
        self.log.info("%s", self.verb.asked(config))
        with self._work():
            result = self.verb.run(config, _of_task(context))
        return tell(self, context, result)


class SparkVerbOperator(_EndedAsInterrupts, SparkSubmitOperator):
    """Runs a verb in the Spark of the connection spark_default and returns its result, as JSON has it, as XCom.

    A JVM gets it by spark-submit; what speaks Spark Connect is asked from the task's own process. With an outlet, the
    asset has an event for every day that was written, as a partition, or one for all of a long history's.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "values")
    ui_color = "#fdf0e0"

    def __init__(self, *, verb: AnyVerb, values: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(
            application=str(DRIVER),
            name=verb.name,
            driver_memory=Settings().spark_memory,
            conf={"spark.ui.enabled": "false", "spark.log.level": "ERROR", **driver_java_options(light=verb.light)},
            **kwargs,
        )
        self.verb = verb
        self.values = values or {}

    def execute(self, context: Any) -> dict[str, Any]:  # type: ignore[override]
        """Run the verb in a Spark driver; a broken contract fails the task at once, in the verb's own words."""
        config = run_config(self.verb.config, context, self.values)
        self.log.info("%s", self.verb.asked(config))
        master = _master(self._conn_id)
        result = self._here(config, context, master) if speaks_connect(master) else self._submitted(config, context)
        for asset in self.outlets:
            if len(result.touched) <= _MOST_PARTITIONS:
                context["outlet_events"][asset].add_partitions([str(day) for day in result.touched])
        return tell(self, context, result)

    def _here(self, config: VerbConfig, context: Any, master: str) -> Any:
        ours = _of_task(context)
        settings = ours.settings.model_copy(update={"spark_master": master})
        with self._work():
            return self.verb.run(config, replace(ours, settings=settings))

    def _submitted(self, config: VerbConfig, context: Any) -> Any:
        with TemporaryDirectory() as folder:
            result_file = Path(folder) / "result.json"
            self.application_args = [self.verb.name, config.model_dump_json(exclude_unset=True), str(result_file)]
            try:
                super().execute(context)
            except AirflowException:
                _raise_what_was_written(result_file)
                raise
            return self.verb.result.model_validate_json(result_file.read_text(encoding="utf-8"))


VerbTask = VerbOperator | SparkVerbOperator


def run(verb: AnyVerb, *, task_id: str = "", trigger_rule: str = "all_success", **fields: Any) -> VerbTask:
    """Make the task of a verb; `fields` of its configuration are given here, the others by the run's form.

    Raises ValueError for a field that the verb does not take.
    """
    operator = SparkVerbOperator if verb.on_spark else VerbOperator
    _require_fields(verb, fields)
    return operator(
        task_id=task_id or _task_id(verb), verb=verb, values=fields, trigger_rule=trigger_rule, **_place(verb)
    )


def run_each(verb: AnyVerb, each: Any, *, task_id: str = "", name: str | None = None) -> MappedOperator:
    """Make a task of a verb for each member of what a task returns: a list of fields of its configuration.

    `name` is the template of what each is called.
    """
    operator = SparkVerbOperator if verb.on_spark else VerbOperator
    mapped = operator.partial(task_id=task_id or _task_id(verb), verb=verb, map_index_template=name, **_place(verb))
    return mapped.expand(values=each)


def tell(operator: VerbTask, context: Any, result: VerbResult) -> dict[str, Any]:
    """Say what came of a task: in its log's last lines, for its run's note, and to the template of a mapped name."""
    sentences = result.sentences()
    for sentence in sentences:
        operator.log.info("%s", sentence)
    if sentences:
        context["ti"].xcom_push(NOTE_KEY, sentences)
    # Airflow's server takes no figure that is no number.
    context["result"] = json.loads(plain_json(result.model_dump(mode="json", exclude_unset=True)))
    return dict(context["result"])


def _of_task(context: Any) -> Context:
    """Return the context of this task, which of several mapped ones tells its number as well: Airflow exports none."""
    ours, index = Context.of_process(), context["ti"].map_index
    mapped = {"map_index": str(index)} if index is not None and index >= 0 else {}
    return replace(ours, provenance=ours.provenance | mapped)


def _master(connection: str) -> str:
    """Return the master of a connection of Spark; nothing where there is none, and spark-submit takes its own."""
    try:
        found = BaseHook.get_connection(connection)
    except AirflowNotFoundException:
        return ""
    return f"{found.host}:{found.port}" if found.port else str(found.host)


def _task_id(verb: AnyVerb) -> str:
    return verb.name.replace("-", "_").replace(" ", "_")


def _place(verb: AnyVerb) -> dict[str, Any]:
    """Return where a verb's task waits, on which machines and how long it may take, and the days that it tells of."""
    place: dict[str, Any] = {"outlets": [DAYS_OF[verb.writes]]} if verb.writes else {}
    if verb.heavy:
        return {**place, "pool": "gpu", "queue": Settings().train_queue, "execution_timeout": LONG}
    return {**place, "pool": "spark"} if verb.on_spark else place


def _require_fields(verb: AnyVerb, fields: Mapping[str, Any]) -> None:
    if strange := sorted(fields.keys() - verb.config.model_fields.keys()):
        raise ValueError(
            f"{verb.name} does not take {', '.join(strange)}; it takes {', '.join(verb.config.model_fields)}"
        )


def _raise_what_was_written(result_file: Path) -> None:
    """Raise the driver's own sentence; one that wrote its result and died after it, or wrote nothing, has none."""
    written = json.loads(result_file.read_text(encoding="utf-8")) if result_file.is_file() else {}
    if "error" in written:
        raise ContractError(written["error"]) from None
    if "failed" in written:
        raise AirflowException(written["failed"]) from None
