"""Trigger forms, generated from the configuration classes of the verbs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Param
from airflow.sdk.definitions.param import ParamsDict
from pydantic.fields import FieldInfo

from sentiment.core.config import VerbConfig
from sentiment.core.verb import AnyVerb
from sentiment.training.config.presets import PRESETS

# Under this key a field's schema names the classes that it is a field of: no other verb of the DAG takes it.
_OF = "of"
_OF_PRESETS = frozenset(name for settings in PRESETS.values() for name in settings)


def form(*verbs: AnyVerb, without: tuple[str, ...] = (), shared: tuple[str, ...] = ()) -> dict[str, Param]:
    """Return a form field for every field of the verbs' configurations.

    What must be given comes first, then what people change; the others stand in closed sections. `day` may stay empty,
    where the run's date serves. Of a field that several verbs share, which must be said, the last one's words stand.
    Raises ValueError for one that was not said.
    """
    fields: dict[str, tuple[FieldInfo, dict[str, Any]]] = {}
    for config in (verb.config for verb in verbs):
        schemas = config.model_json_schema()["properties"]
        for name, info in config.model_fields.items():
            if name in without:
                continue
            before = fields[name][1][_OF] if name in fields else []
            if before and name not in shared:
                raise ValueError(f"{name} is a field of {before[0]} and of {config.__name__}: say that they share it")
            fields[name] = info, {**schemas[name], _OF: [*before, config.__name__]}
            if "preset" in config.model_fields and name in _OF_PRESETS:
                fields[name] = _left_open(info), fields[name][1]
    ranked = sorted(fields.items(), key=lambda item: _rank(item[1][0]))
    return {name: _param(name, schema, info) for name, (info, schema) in ranked}


def attach(fields: Mapping[str, Param], dag: DAG) -> None:
    """Make fields the form of a DAG whose tasks are there already.

    A task copies the form that its DAG has when it is made, and Airflow checks and stores each copy of each field
    whenever it reads the file: a second for a long form with seven tasks, and six times the bytes.
    """
    dag.params = ParamsDict(fields)


def belongs(param: Param, config: type[VerbConfig]) -> bool:
    """Tell whether a form's field is one of this class."""
    return config.__name__ in param.schema.get(_OF, ())


def _left_open(info: FieldInfo) -> FieldInfo:
    """Return a field that stands empty: a form sends all of them, and what nobody chose must not win over a preset."""
    if info.default is None:
        return info
    said = f"{info.description} When empty {info.default}, or what the published settings say."
    return FieldInfo.merge_field_infos(info, default=None, description=said)


def _rank(info: FieldInfo) -> tuple[bool, bool]:
    extra = info.json_schema_extra
    return (isinstance(extra, dict) and "section" in extra, not info.is_required())


def _param(name: str, schema: Mapping[str, Any], info: FieldInfo) -> Param:
    rules = {key: value for key, value in schema.items() if key not in {"default", "anyOf", "title"}}
    rules["description"] = info.description
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    rules |= {key: value for key, value in kinds[0].items() if key not in {"default", "title"}}
    if rules.get("format") == "path":
        rules.pop("format")
    if info.title:
        rules["title"] = info.title
    if "enum" in rules.get("items", {}):
        # An Enter behind the last line of a list is an empty text, which `run_config` leaves out.
        rules["items"] = {**rules["items"], "enum": [*rules["items"]["enum"], ""]}
    if info.is_required() and name != "day":
        return Param(**rules)
    default = None if info.is_required() else json.loads(json.dumps(info.default, default=str))
    # What may be empty is null in the form: Airflow takes an empty text for one that is missing, and sends nothing, and
    # makes null of a list of texts that was emptied again.
    default = None if default == "" else default
    empty = default is None or (rules["type"] == "array" and "minItems" not in rules)
    return Param(default, **(_nullable(rules) if empty else rules))


def _nullable(rules: dict[str, Any]) -> dict[str, Any]:
    enum = {"enum": [*rules["enum"], None]} if "enum" in rules else {}
    return {**rules, "type": [rules["type"], "null"], **enum}
