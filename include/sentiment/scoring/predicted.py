"""Where the rows of `predict` come from and go to: files, pipes, or the first of them to be shown."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.core.progress import OnProgress
from sentiment.engine.scorer import Scorer
from sentiment.scoring.config import PIPE, PredictConfig
from sentiment.scoring.files import predict_file
from sentiment.scoring.pipes import received, sent
from sentiment.scoring.rows import read_rows

# Rows of a file that are shown where no output is named.
_SHOWN_ROWS = 20


def predict_source(
    config: PredictConfig, given: Path, scorer: Scorer, version: str, on_progress: OnProgress
) -> dict[str, Any]:
    """Score a file or a pipe into a file or a pipe; without either, return its first rows."""
    predicted = partial(predict_file, formulas_as_text=config.formulas_as_text)
    with ExitStack() as pipes:
        source = pipes.enter_context(received()) if str(given) == PIPE else given
        if config.output and str(config.output) != PIPE:
            counts = predicted(scorer, source, config.output, version, on_progress)
            return {"output": str(config.output), **counts, "model_version": version}
        if config.output:
            return predicted(scorer, source, pipes.enter_context(sent(source)), version, on_progress)
        shown = Path(pipes.enter_context(TemporaryDirectory())) / "shown.jsonl"
        counts = predicted(scorer, source, shown, version, on_progress)
        first = list(islice(read_rows(shown), _SHOWN_ROWS))
        more = {"more": "--output FILE writes all rows"} if counts["rows"] > len(first) else {}
        return {"predictions": first, **counts, **more}
