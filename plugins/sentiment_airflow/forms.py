"""Trigger forms and run configurations, both generated from the configuration classes of the verbs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from pydantic import BaseModel, ValidationError

NO_DAY = (
    "this run has neither a day nor a logical date: trigger it again and fill in `day` (YYYY-MM-DD), "
    "or give it a logical date"
)


def form(*configs: type[BaseModel], without: tuple[str, ...] = ()) -> dict[str, Param]:
    """Return a form field for every field of the classes; `day` may stay empty, where the run's date serves."""
    fields: dict[str, Param] = {}
    for config in configs:
        schemas = config.model_json_schema()["properties"]
        for name, info in config.model_fields.items():
            if name not in without:
                optional = not info.is_required() or name == "day"
                default = json.loads(json.dumps(info.default, default=str)) if not info.is_required() else None
                fields[name] = _param(schemas[name], default, optional=optional)
    return fields


def run_day(context: Mapping[str, Any]) -> str:
    """Return the run's day: the form's, else the logical date's; fails with what to do when there is neither."""
    day = context["params"].get("day") or context.get("ds")
    if not day:
        raise AirflowFailException(NO_DAY)
    return str(day)


def run_config(config: type[BaseModel], context: Mapping[str, Any], values: Mapping[str, Any]) -> BaseModel:
    """Build a verb's configuration from the form, overridden by the task's own values; empty fields keep defaults."""
    fields = config.model_fields
    # A form sends every field. What stands at its default was not chosen, and must not win over a preset.
    chosen = {name: value for name, value in context["params"].items() if name in fields}
    given = {name: value for name, value in chosen.items() if value != fields[name].default}
    given |= {name: _parsed(value) for name, value in values.items()}
    given = {name: value for name, value in given.items() if value not in (None, "")}
    if "day" in config.model_fields:
        given.setdefault("day", run_day(context))
    try:
        return config(**given)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the form'}: {one['msg']}" for one in error.errors())
        raise AirflowFailException(f"the run's configuration is refused: {reasons}") from None


def _param(schema: Mapping[str, Any], default: Any, *, optional: bool) -> Param:
    rules = {key: value for key, value in schema.items() if key not in {"default", "anyOf", "title"}}
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    rules |= {key: value for key, value in kinds[0].items() if key not in {"default", "title"}}
    if rules.get("format") == "path":
        rules.pop("format")
    if optional and default is None:
        rules["type"] = [rules["type"], "null"]
        if "enum" in rules:
            rules["enum"] = [*rules["enum"], None]
        return Param(None, **rules)
    return Param(default, **rules) if optional else Param(**rules)


def _parsed(value: Any) -> Any:
    """Read a list that a template wrote as JSON text."""
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value
