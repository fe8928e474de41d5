"""Operators that run a verb: in the task's own process, or through spark-submit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseOperator
from pydantic import BaseModel

from sentiment import config as configs
from sentiment.arguments import arguments
from sentiment.errors import ContractError
from sentiment.spark import driver_java_options
from sentiment.summary import asked, told
from sentiment_airflow.links import ModelVersionLink, ReportLink, TrainingRunLink
from sentiment_airflow.notes import NOTE_KEY
from sentiment_airflow.run_inputs import run_config

_APPLICATION = configs.PROJECT / "include" / "sentiment" / "__main__.py"


class VerbOperator(BaseOperator):
    """Calls a function of sentiment.pipeline and returns its result as XCom.

    `config` names the class in sentiment.config; its fields come from the run's form and from `values`.
    """

    template_fields: Sequence[str] = ("values",)
    operator_extra_links = (ReportLink(), TrainingRunLink(), ModelVersionLink())
    ui_color = "#e8f4ea"

    def __init__(self, *, function: str, config: str, values: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function
        self.config = config
        self.values = values or {}

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the verb; a broken contract fails the task at once, without another try."""
        from sentiment import pipeline

        config = run_config(_class(self.config), context, self.values)
        self.log.info("%s", asked(self.function, config))
        result: dict[str, Any] = getattr(pipeline, self.function)(config)
        tell(self, context, result)
        return result


class SparkVerbOperator(SparkSubmitOperator):
    """Submits a verb to the Spark of the connection spark_default and returns the verb's result as XCom.

    With an outlet, the asset's event carries every day that was written as a partition. A light job asks little of
    Spark's JVM.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "values")
    ui_color = "#fdf0e0"

    def __init__(
        self,
        *,
        function: str,
        config: str,
        values: Mapping[str, Any] | None = None,
        light: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            application=str(_APPLICATION),
            name=function,
            pool="spark",
            driver_memory=configs.Settings().spark_memory,
            conf={"spark.ui.enabled": "false", "spark.log.level": "ERROR", **driver_java_options(light=light)},
            **kwargs,
        )
        self.function = function
        self.config = config
        self.values = values or {}

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the verb in a Spark driver; a broken contract fails the task at once, in the verb's own words."""
        config = run_config(_class(self.config), context, self.values)
        self.log.info("%s", asked(self.function, config))
        with TemporaryDirectory() as folder:
            result_file = Path(folder) / "result.json"
            self.application_args = [*arguments(self.function, config), "--result", str(result_file)]
            try:
                super().execute(context)
            except AirflowException:
                _raise_broken_contract(result_file)
                raise
            result: dict[str, Any] = json.loads(result_file.read_text(encoding="utf-8"))
        for asset in self.outlets:
            context["outlet_events"][asset].add_partitions(list(result["touched"]))
        tell(self, context, result)
        return result


def tell(operator: VerbOperator | SparkVerbOperator, context: Any, result: Mapping[str, Any]) -> None:
    """Say what came of a task: in its log's last lines, for its run's note, and to the template of a mapped name."""
    sentences = told(operator.function, result)
    for sentence in sentences:
        operator.log.info("%s", sentence)
    if sentences:
        context["ti"].xcom_push(NOTE_KEY, sentences)
    context["result"] = result


def _raise_broken_contract(result_file: Path) -> None:
    if result_file.is_file():
        raise ContractError(json.loads(result_file.read_text(encoding="utf-8"))["error"]) from None


def _class(name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(configs, name)
    return found
