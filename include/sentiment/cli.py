"""The command line: runs one verb, shows what came of it, and ends with a code that programs can rely on.

Its arguments stand in `arguments`, its verbs in `verbs`; what a verb does stands in `pipeline`.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel, ValidationError

from sentiment.arguments import read
from sentiment.config import PIPE
from sentiment.environment import begin
from sentiment.errors import ConcurrentWriteError, ContractError
from sentiment.progress import OnProgress
from sentiment.verbs import VERBS, Verb

DONE, FAILED, WRONG_USE = 0, 1, 2
# As the shell tells of a program that a signal ended: 128 and its number.
INTERRUPTED, UNREAD = 128 + signal.SIGINT, 128 + signal.SIGPIPE

# Of a value that is refused, the beginning tells which it is.
_SHOWN = 200


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code; an error of ours is a sentence, only a defect shows a traceback."""
    begin()
    _print_anything()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    name = ""
    try:
        given = read(words)
        name = f" {given['verb']}"
        return _main(given)
    except KeyboardInterrupt as interrupt:
        _say(name, f"interrupted{'; ' if interrupt.args else ''}{interrupt}")
        return INTERRUPTED
    except BrokenPipeError:
        # Whatever is left in the buffer has nowhere to go, at the interpreter's end as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        _say(name, _of_system(error))
        return FAILED


def _main(given: dict[str, Any]) -> int:
    name, as_json, result_file = given.pop("verb"), given.pop("json"), given.pop("result")
    try:
        config = VERBS[name].config(**given)
    except ValidationError as error:
        _say(f" {name}", f"{_sentence(error)}; see `sentiment {name} --help`")
        return WRONG_USE
    try:
        result = _run(VERBS[name], config)
    except (ContractError, ConcurrentWriteError) as error:
        _say(f" {name}", str(error))
        if isinstance(error, ContractError):
            _write(result_file, {"error": str(error)})
        return FAILED
    except ValidationError as error:
        _say(f" {name}", f"in the settings, {_sentence(error, 'SENTIMENT_')}")
        return FAILED
    _write(result_file, result)
    # Rows that went out through the pipe are not mixed with what is said of them.
    _show(name, result, as_json, sys.stderr if str(getattr(config, "output", "")) == PIPE else sys.stdout)
    sys.stdout.flush()
    return DONE


def _run(verb: Verb, config: BaseModel) -> dict[str, Any]:
    from sentiment import pipeline
    from sentiment.terminal import progress

    function: Callable[[BaseModel, OnProgress], dict[str, Any]] = getattr(pipeline, verb.function)
    with progress() as on_progress:
        return function(config, on_progress)


def _write(result_file: str | None, content: dict[str, Any]) -> None:
    if result_file:
        Path(result_file).write_text(_json(content), encoding="utf-8")


def _show(name: str, result: dict[str, Any], as_json: bool, out: TextIO) -> None:
    from sentiment.terminal import show

    if as_json:
        print(_json(result), file=out)
    else:
        show(VERBS[name].function, result, out)


def _json(content: Any) -> str:
    return json.dumps(_finite(content), allow_nan=False)


def _finite(value: Any) -> Any:
    """Put null in place of what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _print_anything() -> None:
    """Let a terminal that cannot show a character show its number, rather than fail when the work is done."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _say(name: str, sentence: str) -> None:
    print(f"sentiment{name}: {sentence}", file=sys.stderr)


def _of_system(error: OSError) -> str:
    """Say an error of the operating system with the place it is about, and one of our own in its words."""
    if error.errno is None:
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{os.strerror(error.errno)}; mend that and run it again"


def _sentence(error: ValidationError, variables: str = "") -> str:
    """Say what is wrong with flags, or with variables of the environment that begin with `variables`."""
    parts = []
    for one in error.errors():
        name = str(one["loc"][0]) if one["loc"] else ""
        where = variables + name.upper() if variables else "--" + name.replace("_", "-")
        # Of a setting the value is not repeated: it may hold a password.
        shown = name and not variables and isinstance(one["input"], str | int | float)
        given = f" (given: {repr(one['input'])[:_SHOWN]})" if shown else ""
        parts.append((f"{where}: " if name else "") + one["msg"].removeprefix("Value error, ") + given)
    return "; ".join(parts)
