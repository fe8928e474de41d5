"""Trigger forms, generated from the configuration classes of the verbs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from pydantic import BaseModel
from pydantic.fields import FieldInfo


def form(*configs: type[BaseModel], without: tuple[str, ...] = ()) -> dict[str, Param]:
    """Return a form field for every field of the classes: what must be given first, then what people change.

    The others stand in closed sections. `day` may stay empty, where the run's date serves.
    """
    fields: dict[str, tuple[tuple[bool, bool], Param]] = {}
    for config in configs:
        schemas = config.model_json_schema()["properties"]
        for name, info in config.model_fields.items():
            if name not in without:
                fields[name] = _rank(info), _param(name, schemas[name], info)
    return {name: param for name, (_, param) in sorted(fields.items(), key=lambda item: item[1][0])}


def _rank(info: FieldInfo) -> tuple[bool, bool]:
    extra = info.json_schema_extra
    return (isinstance(extra, dict) and "section" in extra, not info.is_required())


def _param(name: str, schema: Mapping[str, Any], info: FieldInfo) -> Param:
    rules = {key: value for key, value in schema.items() if key not in {"default", "anyOf", "title"}}
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    rules |= {key: value for key, value in kinds[0].items() if key not in {"default", "title"}}
    if rules.get("format") == "path":
        rules.pop("format")
    if info.title:
        rules["title"] = info.title
    if info.is_required() and name != "day":
        return Param(**rules)
    default = None if info.is_required() else json.loads(json.dumps(info.default, default=str))
    # What may be empty is null in the form: Airflow takes an empty text for one that is missing, and sends nothing.
    return Param(default, **rules) if default not in (None, "") else Param(None, **_nullable(rules))


def _nullable(rules: dict[str, Any]) -> dict[str, Any]:
    enum = {"enum": [*rules["enum"], None]} if "enum" in rules else {}
    return {**rules, "type": [rules["type"], "null"], **enum}
