"""The command line: one subcommand a verb, its flags generated from the verb's configuration class.

It knows argparse, pydantic and the terminal; what a verb does stands in `pipeline`.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from sentiment import config as c
from sentiment.errors import ConcurrentWriteError, ContractError
from sentiment.progress import OnProgress


class Verb(NamedTuple):
    """A subcommand: its configuration, the function's name in `pipeline`, and a field given by position."""

    config: type[BaseModel]
    function: str
    positional: str | None = None


VERBS = {
    "sample": Verb(c.SampleConfig, "sample"),
    "ingest": Verb(c.IngestConfig, "ingest"),
    "import-history": Verb(c.ImportHistoryConfig, "import_history"),
    "snapshot": Verb(c.SnapshotConfig, "snapshot"),
    "train": Verb(c.TrainConfig, "train"),
    "compare": Verb(c.CompareConfig, "compare", "runs"),
    "export": Verb(c.ExportConfig, "export"),
    "promote": Verb(c.PromoteConfig, "promote"),
    "rollback": Verb(c.RollbackConfig, "rollback"),
    "score": Verb(c.ScoreConfig, "score"),
    "rescore": Verb(c.RescoreConfig, "rescore"),
    "predict": Verb(c.PredictConfig, "predict", "texts"),
    "report": Verb(c.ReportConfig, "report"),
    "tune": Verb(c.TuneConfig, "tune"),
    "search": Verb(c.StudyConfig, "search"),
    "benchmark training": Verb(c.BenchmarkTrainingConfig, "benchmark_training"),
    "benchmark models": Verb(c.BenchmarkModelsConfig, "benchmark_models"),
    "benchmark imbalance": Verb(c.BenchmarkImbalanceConfig, "benchmark_imbalance"),
    "benchmark scoring": Verb(c.BenchmarkScoringConfig, "benchmark_scoring"),
    "benchmark preparation": Verb(c.BenchmarkPreparationConfig, "benchmark_preparation"),
    "doctor": Verb(c.DoctorConfig, "doctor"),
    "up": Verb(c.PlatformConfig, "up"),
    "down": Verb(c.PlatformConfig, "down"),
    "status": Verb(c.StatusConfig, "status"),
    "demo": Verb(c.DemoConfig, "demo"),
}

GROUPS = {"benchmark": "Measure models, trainings, remedies, scoring and imports, and write tables and pictures."}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when it succeeded, 1 for what a person must mend, 2 for wrong arguments."""
    given = vars(_parser().parse_args(arguments))
    name, as_json, result_file = given.pop("verb"), given.pop("json"), given.pop("result")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    verb = VERBS[name]
    try:
        config = verb.config(**given)
    except ValidationError as error:
        print(f"sentiment {name}: {_sentence(error)}; see `sentiment {name} --help`", file=sys.stderr)
        return 2
    try:
        result = _run(verb, config)
    except ContractError as error:
        print(f"sentiment {name}: {error}", file=sys.stderr)
        _write(result_file, {"error": str(error)})
        return 1
    except ConcurrentWriteError as error:
        print(f"sentiment {name}: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        print(f"sentiment {name}: in the settings, {_sentence(error, 'SENTIMENT_')}", file=sys.stderr)
        return 1
    _write(result_file, result)
    _show(name, result, as_json)
    return 0


def arguments(function: str, config: BaseModel) -> list[str]:
    """Spell a verb and its configuration as arguments of this command line; `function` is its name in `pipeline`."""
    verb = next(name for name, one in VERBS.items() if one.function == function)
    words = verb.split()
    # What was given, not what differs from a default: a preset may have another one.
    for name, value in config.model_dump(mode="json", exclude_unset=True, exclude_none=True).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            words += [*([] if name == VERBS[verb].positional else [f"--{flag}"]), *map(str, value)]
        else:
            words.append(f"--{flag}={value}")
    return words


def _run(verb: Verb, config: BaseModel) -> dict[str, Any]:
    from sentiment import pipeline
    from sentiment.terminal import progress

    function: Callable[[BaseModel, OnProgress], dict[str, Any]] = getattr(pipeline, verb.function)
    with progress() as on_progress:
        return function(config, on_progress)


def _write(result_file: str | None, content: dict[str, Any]) -> None:
    if result_file:
        Path(result_file).write_text(json.dumps(content), encoding="utf-8")


def _show(name: str, result: dict[str, Any], as_json: bool) -> None:
    from sentiment.terminal import show

    if as_json:
        print(json.dumps(result))
    else:
        show(name, result)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sentiment", description="Review Sentiment Platform.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    groups: dict[str, Any] = {}
    for name, verb in VERBS.items():
        text = (verb.config.__doc__ or "").strip()
        group, _, word = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = verbs.add_parser(group, help=GROUPS[group], description=GROUPS[group]).add_subparsers(
                required=True, metavar=group.upper()
            )
        one = (groups[group] if group else verbs).add_parser(
            word, help=text.splitlines()[0], description=text, argument_default=argparse.SUPPRESS, allow_abbrev=False
        )
        one.set_defaults(verb=name)
        for field, info in verb.config.model_fields.items():
            _add_argument(one, field, info, positional=field == verb.positional)
        one.add_argument("--json", action="store_true", default=False, help="Print the result as one JSON line.")
        one.add_argument("--result", metavar="FILE", default=None, help="Also write the result to FILE as JSON.")
    return parser


def _add_argument(parser: argparse.ArgumentParser, name: str, info: FieldInfo, *, positional: bool) -> None:
    text = (info.description or "").replace("%", "%%")
    if not info.is_required() and info.default not in (None, (), ""):
        text += f" (default: {info.default})"
    if positional:
        parser.add_argument(name, nargs="*", metavar=name.rstrip("s").upper(), help=text)
        return
    flag = f"--{name.replace('_', '-')}"
    if info.annotation is bool:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
    elif get_origin(info.annotation) is tuple:
        parser.add_argument(flag, nargs="*", metavar=name.rsplit("_", 1)[-1].upper(), help=text)
    else:
        choices = _choices(info.annotation)
        metavar = None if choices else name.rsplit("_", 1)[-1].upper()
        parser.add_argument(flag, required=info.is_required(), choices=choices, metavar=metavar, help=text)


def _choices(annotation: Any) -> tuple[Any, ...] | None:
    """Return the values of a Literal, or of one that may be left out."""
    kinds = [annotation, *get_args(annotation)]
    return next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), None)


def _sentence(error: ValidationError, variables: str = "") -> str:
    """Say what is wrong with flags, or with variables of the environment that begin with `variables`."""
    parts = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        where = variables + name.upper() if variables else "--" + name.replace("_", "-")
        parts.append((f"{where}: " if name else "") + one["msg"].removeprefix("Value error, "))
    return "; ".join(parts)
