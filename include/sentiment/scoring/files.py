"""Scores texts, and the rows of files and pipes into files and pipes; rows, order and columns are kept.

What comes in by a pipe is kept in a file meanwhile, for some kinds are read twice; what goes out is whole before it
goes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from sentiment.core.errors import ContractError
from sentiment.core.plain_json import plain_json
from sentiment.core.progress import OnProgress
from sentiment.core.text.clean import cell_text
from sentiment.core.wording import NAMED, not_read
from sentiment.engine.scorer import Scorer
from sentiment.readers.dialects import is_number
from sentiment.readers.rows import Values
from sentiment.readers.schemas import ColumnMapping
from sentiment.scoring.config import PIPE, PredictConfig
from sentiment.scoring.output import begins_a_formula, beside, chunks, kind_of, named, rewriting, write_rows
from sentiment.scoring.results import FileCounts, PredictResult
from sentiment.scoring.scored import DECISION, TEXTS
from sentiment.scoring.source import Source, files_of

# Rows of a file that are shown where no output is named.
_SHOWN_ROWS = 20


def require_files(config: PredictConfig) -> None:
    """Raise ContractError for an input that is not there, and an output of no kind that is written, or closed."""
    if config.input and str(config.input) != PIPE and not config.input.is_fifo():
        files_of(config.input, config)
    if config.output and str(config.output) != PIPE:
        kind_of(named(config.output))
    elif config.output and getattr(sys.stdout, "name", "") == os.devnull:  # which the command line put in its place
        raise ContractError("nothing can go out: standard output is closed")


def predict_source(
    config: PredictConfig, given: Path, scorer: Scorer, version: int, on_progress: OnProgress
) -> PredictResult:
    """Score a file or a pipe into a file or a pipe; without either, return its first rows."""
    predicted = partial(predict_file, formulas_as_text=config.formulas_as_text)
    with ExitStack() as pipes:
        piped = str(given) == PIPE or given.is_fifo()
        source = Source.of(pipes.enter_context(_received(given)) if piped else given, config, piped=piped)
        if config.output and str(config.output) != PIPE:
            counts = predicted(scorer, source, config.output, version, on_progress)
            return PredictResult(output=str(config.output), **_shown(counts), model_version=version)
        if config.output:
            target = pipes.enter_context(_sent(source))
            return PredictResult(**_shown(predicted(scorer, source, target, version, on_progress)))
        scored = _Scored(scorer, source, version, on_progress)
        rows = scored.rows()
        with _writable():
            first = tuple(_telling_first(json.loads(plain_json(row)), source) for row in islice(rows, _SHOWN_ROWS))
        deque(rows, maxlen=0)  # which counts the rest
        counts = scored.counted()
        more = {"more": "--output FILE writes all rows"} if counts.rows > len(first) else {}
        return PredictResult(predictions=first, **_shown(counts), **more)


@contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except RecursionError:
        raise ContractError(
            "a value of the input is nested too deeply to be written; leave its column out, or write it as text"
        ) from None


def _telling_first(row: Values, source: Source) -> Values:
    """Return a row with the text and the decision before all else: a terminal has not room for every column."""
    order = dict.fromkeys((*source.texts, *beside(DECISION.names, source.columns).values(), *row))
    return {name: row[name] for name in order if name in row}


def predict_file(
    scorer: Scorer,
    source: Source,
    target: Path,
    version: int,
    on_progress: OnProgress,
    *,
    formulas_as_text: bool = False,
) -> FileCounts:
    """Write `source` with the decision added to every row; the output appears whole or not at all.

    A link stays, and what it names is written; a file that was there keeps its permissions.

    A row without text, or with nothing but markup, keeps its place with empty decisions and counts as unscored. Where
    the input has a column of one of our names its own stays, and ours is called `predicted_…`, which the notes say.
    Raises ContractError for a file of no kind that is written, and a row that cannot be read, which it names.
    """
    target = named(target)
    to_spreadsheet = kind_of(target) in ("csv", "tsv")
    scored = _Scored(scorer, source, version, on_progress)
    added = pa.schema([field.with_name(scored.names[field.name]) for field in DECISION])
    with _writable(), rewriting(target) as aside:
        write_rows(aside, scored.rows(), source, added, formulas_as_text=formulas_as_text)
    return scored.counted(for_spreadsheets=to_spreadsheet and not formulas_as_text)


class _Scored:
    """The rows of a source with their decisions, once, and what was counted of those that were taken."""

    def __init__(self, scorer: Scorer, source: Source, version: int, on_progress: OnProgress) -> None:
        self._scorer, self._source, self._version, self._on_progress = scorer, source, version, on_progress
        self._counts = dict.fromkeys(("rows", "positive", "needs_review", "unscored", "formulas", "numbers"), 0)
        self.names = beside(DECISION.names, source.columns)

    def rows(self) -> Iterator[Values]:
        """Give the rows with the decision under our names, or beside the input's own of the same."""
        counts, mapping = self._counts, self._source.mapping
        for rows in chunks(self._source.rows()):
            for row, decision in zip(rows, _decisions(self._scorer, rows, self._version, mapping), strict=True):
                _count(counts, row, decision, mapping)
                yield {**row, **{self.names[name]: value for name, value in decision.items()}}
            self._on_progress("scoring rows", counts["rows"], 0)

    def counted(self, *, for_spreadsheets: bool = False) -> FileCounts:
        """Return what was counted, with what is to be said of it, of formulas too where a spreadsheet may run them."""
        counts, mapping = dict(self._counts), self._source.mapping
        formulas, numbers = counts.pop("formulas"), counts.pop("numbers")
        notes = [*_read_from(mapping), *_renamed(self.names)]
        if others := self._source.others:
            notes.append(not_read(others[:NAMED], len(others)))
        notes += _numbers(numbers, counts["rows"] - counts["unscored"], mapping)
        if for_spreadsheets:
            notes += _formulas(formulas, [name for name in self._source.columns if begins_a_formula(name)])
        return FileCounts(**counts, notes=tuple(notes))


def _count(counts: dict[str, int], row: Values, decision: Values, mapping: ColumnMapping) -> None:
    counts["rows"] += 1
    counts["positive"] += decision["label"] == "positive"
    counts["needs_review"] += bool(decision["needs_review"])
    unscored = decision["label"] is None
    counts["unscored"] += unscored
    counts["numbers"] += not unscored and is_number(str(mapping.value(row, "text")))
    counts["formulas"] += any(map(begins_a_formula, row.values()))


def predict_rows(scorer: Scorer, rows: list[Values], version: int) -> list[Values]:
    """Return the rows, which have no column of ours, with their decision, who made it and model_version added.

    Titles and texts are scored as the lake would hold them, and stay in the rows as they are.
    """
    ours = ColumnMapping("", {"title": "title", "text": "text"})
    return [{**row, **decision} for row, decision in zip(rows, _decisions(scorer, rows, version, ours), strict=True)]


def _decisions(scorer: Scorer, rows: list[Values], version: int, mapping: ColumnMapping) -> list[Values]:
    titles, texts = ([cell_text(mapping.value(row, role)) for row in rows] for role in ("title", "text"))
    with_text = [at for at, text in enumerate(texts) if text]
    answers = scorer.answer([titles[at] for at in with_text], [texts[at] for at in with_text])
    decisions = scorer.decide(answers)
    results: list[Values] = [
        dict.fromkeys(DECISION.names) | {"needs_review": True, "model_version": str(version)} for _ in rows
    ]
    for place, at in enumerate(with_text):
        results[at] |= {
            "label": str(decisions.label[place]),
            "positive_probability": round(float(decisions.positive_probability[place]), 6),
            "confidence": round(float(decisions.confidence[place]), 6),
            "needs_review": bool(decisions.needs_review[place]),
            "decided_by": str(answers.decided_by[place]),
            "language": answers.language[place],
        }
    return results


def _read_from(mapping: ColumnMapping) -> list[str]:
    texts = {role: column for role, column in mapping.columns.items() if role in TEXTS}
    if all(role == column for role, column in texts.items()):
        return []
    read = ", ".join(f"the {role} is read from {texts[role]}" for role in ("text", "title") if role in texts)
    return [f"{read} ({mapping.schema})" if mapping.schema else read]


def _renamed(names: Mapping[str, str]) -> list[str]:
    changed = {name: free for name, free in names.items() if name != free}
    if not changed:
        return []
    stay, are = ("stays", "is") if len(changed) == 1 else ("stay", "are")
    return [f"the input has its own {', '.join(changed)}, which {stay}; ours {are} {', '.join(changed.values())}"]


def _formulas(rows: int, names: list[str]) -> list[str]:
    found = [f"{rows} rows hold a value"] * bool(rows) + [f"{len(names)} columns have a name"] * bool(names)
    return [f"{some} that a spreadsheet runs as a formula; --formulas-as-text makes texts of them" for some in found]


def _numbers(rows: int, scored: int, mapping: ColumnMapping) -> list[str]:
    if not rows or rows < scored:
        return []
    column = mapping.columns.get("text", "text")
    return [
        f"every text that was scored is a number: where {column} is not the column of the texts, name that, as in "
        "--columns text=NAME"
    ]


def _shown(counts: FileCounts) -> dict[str, Any]:
    """Return the fields of a result; without notes it has none."""
    return {name: value for name, value in vars(counts).items() if name != "notes" or value}


@contextmanager
def _received(given: Path) -> Iterator[Path]:
    """Give a file with what comes in, by a pipe with a name as well; what is wrong with it is said of the pipe."""
    if str(given) == PIPE and sys.stdin is None:
        raise ContractError("nothing comes in: standard input is closed")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "input"
        with file.open("wb") as kept, nullcontext(sys.stdin.buffer) if str(given) == PIPE else given.open("rb") as pipe:
            shutil.copyfileobj(pipe, kept)
        try:
            yield file
        except ContractError as error:
            raise ContractError(str(error).replace(str(file), "the pipe")) from error


@contextmanager
def _sent(source: Source) -> Iterator[Path]:
    """Give a file to write, of the kind that came in (JSON lines for an array and Parquet), and send it out whole."""
    kind = source.parts[0].form.kind
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"output.{kind if kind in ('csv', 'tsv') else 'jsonl'}"
        yield file
        sys.stdout.flush()
        with file.open("rb") as whole:
            shutil.copyfileobj(whole, sys.stdout.buffer)
        sys.stdout.buffer.flush()
