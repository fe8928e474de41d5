"""The file that spark-submit runs: one verb, its configuration as JSON, and the file for what came of it.

`driver.py VERB CONFIG RESULT` writes the verb's result as JSON, or `{"error": "…"}` where a contract is broken, which
tells Airflow that trying again cannot help, or `{"failed": "…"}` where it may help.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

# Run as a file, Python puts this folder first in the path, where `datasets` or `training` would hide other packages.
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sentiment.cli import DONE, FAILED, print_anything, say
from sentiment.core.atomic import replacing
from sentiment.core.context import Context
from sentiment.core.environment import begin
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.core.plain_json import plain_json
from sentiment.terminal import progress
from sentiment.verbs import verbs


def main(name: str, config: str, result_file: str) -> int:
    """Run the verb and return the exit code; what it writes are `VerbResult`s as JSON."""
    begin()
    print_anything()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    verb = verbs()[name]
    try:
        with progress() as on_progress:
            result = verb.run(verb.config.model_validate_json(config), Context.of_process(on_progress))
    except ContractError as error:
        return _failed(name, "error", error, result_file)
    except (ConcurrentWriteError, UnavailableError, OSError) as error:
        return _failed(name, "failed", error, result_file)
    _write(result_file, result.model_dump(mode="json", exclude_unset=True))
    return DONE


def _failed(name: str, kind: str, error: Exception, result_file: str) -> int:
    _write(result_file, {kind: str(error)})
    say(f" {name}", str(error))
    return FAILED


def _write(result_file: str, content: object) -> None:
    """Write it whole or not at all: half of a result would hide why there is none."""
    with replacing(Path(result_file)) as aside:
        aside.write_text(plain_json(content), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
