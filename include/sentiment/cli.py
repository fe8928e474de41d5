"""The command line: runs one verb, shows what came of it, and ends with a code that programs can rely on.

Its arguments stand in `arguments`, its verbs in `verbs`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from pydantic import ValidationError

from sentiment.arguments import read
from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.core.environment import INTERRUPTED, begin, ends_as_interrupts
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.plain_json import plain_json
from sentiment.core.progress import OnProgress, logged
from sentiment.core.verb import AnyVerb, VerbResult
from sentiment.scoring.config import PIPE
from sentiment.verbs import verbs

DONE, FAILED, WRONG_USE = 0, 1, 2
UNREAD = 128 + signal.SIGPIPE

# Of what libraries warn of so much is kept, twice.
_LOG_BYTES = 2_000_000

# Of a value that is refused, the beginning tells which it is.
_SHOWN = 200


def main(words: Sequence[str] | None = None, known: Mapping[str, AnyVerb] | None = None) -> int:
    """Run one of the verbs and return the exit code; an error of ours is a sentence, only a defect shows a traceback.

    `known` are the verbs that there are, all of `sentiment.verbs` where none are given.
    """
    name = ""
    try:
        with ends_as_interrupts():
            begin()
            open_closed()
            print_anything()
            logging.basicConfig(level=logging.WARNING, handlers=[_log_handler()])
            known = known or verbs()
            given = read(words, known)
            verb = known[given.pop("verb")]
            name = f" {verb.name}"
            return _main(verb, given)
    except KeyboardInterrupt as interrupt:
        say(name, f"interrupted{'; ' if interrupt.args else ''}{interrupt}")
        return INTERRUPTED
    except BrokenPipeError:
        # Whatever is left in the buffer has nowhere to go, at the interpreter's end as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        say(name, _of_system(error))
        return FAILED


def _main(verb: AnyVerb, given: dict[str, Any]) -> int:
    as_json = given.pop("json")
    try:
        config = verb.config(**given)
    except ValidationError as error:
        say(f" {verb.name}", f"{_sentence(error)}; see `sentiment {verb.name} --help`")
        return WRONG_USE
    try:
        result = _run(verb, config)
    except (ContractError, ConcurrentWriteError, UnavailableError) as error:
        say(f" {verb.name}", str(error))
        return FAILED
    # Rows that went out through the pipe are not mixed with what is said of them.
    _show(result, as_json, sys.stderr if str(getattr(config, "output", "")) == PIPE else sys.stdout)
    sys.stdout.flush()
    return DONE


def _run(verb: AnyVerb, config: VerbConfig) -> VerbResult:
    from sentiment.terminal import progress

    with progress() as on_progress:
        context = context_of_process(on_progress)
        with _libraries_aside(context.settings.home / "logs" / "libraries.log"):
            result: VerbResult = verb.run(config, context)
    return result


def context_of_process(on_progress: OnProgress = logged) -> Context:
    """Build the context of this process; raises ContractError that names what is wrong in its settings."""
    try:
        return Context.of_process(on_progress)
    except ValidationError as error:
        raise ContractError(f"in the settings, {_sentence(error, 'SENTIMENT_')}") from None


class _LibrariesLog(RotatingFileHandler):
    """A file whose folder is made when there is something to write; what cannot be kept is dropped.

    A home that a demo is about to choose must not be made by the command that asks for it.
    """

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say nothing: a home that cannot be written to is told by what needs it."""


@contextmanager
def _libraries_aside(log: Path) -> Iterator[None]:
    """Let what libraries warn of go to a file, and to the terminal what the product says alone."""
    shown, root = [*logging.getLogger().handlers], logging.getLogger()

    def ours(record: logging.LogRecord) -> bool:
        return record.name.startswith("sentiment")

    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it has a handler of its own
    aside = _LibrariesLog(log, maxBytes=_LOG_BYTES, backupCount=1, delay=True)
    aside.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    for handler in shown:
        handler.addFilter(ours)
    root.addHandler(aside)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(aside)
        aside.close()
        for handler in shown:
            handler.removeFilter(ours)


def _show(result: VerbResult, as_json: bool, out: TextIO) -> None:
    from sentiment.terminal import show

    if as_json:
        print(plain_json(result.model_dump(mode="json", exclude_unset=True)), file=out)
    else:
        show(result, out)


class _Legible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        from sentiment.terminal import legible

        return legible(super().format(record))


def _log_handler() -> logging.Handler:
    """Return what writes the log to standard error, where names of files must not steer the terminal."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Legible("%(message)s"))
    return handler


def open_closed() -> None:
    """Let what goes to a standard output or error that was closed (`>&-`) go nowhere; Python has none of it then."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  for as long as it runs


def print_anything() -> None:
    """Let a terminal that cannot show a character show its number, rather than fail when the work is done."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(name: str, sentence: str) -> None:
    """Print a sentence of the program, of the verb ` name` where there is one, on standard error."""
    from sentiment.terminal import legible

    print(f"sentiment{name}: {legible(sentence)}", file=sys.stderr)


def _of_system(error: OSError) -> str:
    """Say an error of the operating system with the place it is about, and one of a library in its words."""
    if error.errno is None:
        return str(error)
    # Arrow names the place within its words alone.
    said = f"{error.filename}: {os.strerror(error.errno)}" if error.filename else str(error)
    return f"{said}; mend that and run it again"


def _sentence(error: ValidationError, variables: str = "") -> str:
    """Say what is wrong with flags, or with variables of the environment that begin with `variables`."""
    parts = []
    for mistake in error.errors():
        name = str(mistake["loc"][0]) if mistake["loc"] else ""
        where = variables + name.upper() if variables else "--" + name.replace("_", "-")
        # Of a setting the value is not repeated: it may hold a password.
        shown = name and not variables and isinstance(mistake["input"], str | int | float)
        given = f" (given: {repr(mistake['input'])[:_SHOWN]})" if shown else ""
        parts.append((f"{where}: " if name else "") + mistake["msg"].removeprefix("Value error, ") + given)
    return "; ".join(parts)
