"""Scores the rows of a file: JSONL, JSONL.gz, CSV or Parquet in, any of them out, rows, order and columns kept.

The output appears whole or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress
from sentiment.core.text.clean import clean_text
from sentiment.engine.scorer import Scorer
from sentiment.scoring.columns import beside, column_names
from sentiment.scoring.output import as_text, begins_a_formula, write_rows
from sentiment.scoring.rows import Row, chunks, file_kind, read_rows

_DECISION = pa.schema(
    [
        ("label", pa.string()),
        ("positive_probability", pa.float64()),
        ("confidence", pa.float64()),
        ("needs_review", pa.bool_()),
        ("decided_by", pa.string()),
        ("model_version", pa.string()),
    ]
)
# What programs write where a text is missing.
_NO_TEXT = frozenset({"", "nan", "none", "null", "n/a", "#n/a", "<na>"})


def predict_file(
    scorer: Scorer, source: Path, target: Path, version: str, on_progress: OnProgress, *, formulas_as_text: bool = False
) -> dict[str, Any]:
    """Write `source` with the decision added to every row; return rows, positive, needs_review and unscored.

    A row without text, or with nothing but markup, keeps its place with empty decisions and counts as unscored. Where
    the input has a column of one of our names its own stays, and ours is called `predicted_…`, which the result says
    (`notes`). Raises ContractError for an unknown kind of file, a missing column `text`, and a line that cannot be
    read, which it names.
    """
    counts = {"rows": 0, "positive": 0, "needs_review": 0, "unscored": 0}
    file_kind(target)
    given = column_names(source)
    names = beside(_DECISION.names, given)
    formulas = 0

    def decided() -> Iterator[Row]:
        nonlocal formulas
        for rows in chunks(read_rows(source)):
            for row, decision in zip(rows, _decisions(scorer, rows, version), strict=True):
                counts["rows"] += 1
                counts["positive"] += decision["label"] == "positive"
                counts["needs_review"] += bool(decision["needs_review"])
                counts["unscored"] += decision["label"] is None
                formulas += any(map(begins_a_formula, row.values()))
                yield {**row, **{names[name]: value for name, value in decision.items()}}
            on_progress("scoring rows", counts["rows"], 0)

    to_csv = file_kind(target) == ".csv"
    added = pa.schema([field.with_name(names[field.name]) for field in _DECISION])
    try:
        with replacing(target) as aside:
            rows = as_text(decided()) if to_csv and formulas_as_text else decided()
            write_rows(aside, rows, source, given, added)
    except RecursionError:
        raise ContractError(
            f"a value of {source} is nested too deeply to be written; leave its column out, or write it as text"
        ) from None
    notes = [*_renamed(names), *(_formulas(formulas) if to_csv and not formulas_as_text else [])]
    return {**counts, **({"notes": notes} if notes else {})}


def predict_rows(scorer: Scorer, rows: list[Row], version: str) -> list[Row]:
    """Return the rows, which have no column of ours, with their decision, who made it and model_version added.

    Titles and texts are scored as the lake would hold them, and stay in the rows as they are.
    """
    return [{**row, **decision} for row, decision in zip(rows, _decisions(scorer, rows, version), strict=True)]


def _decisions(scorer: Scorer, rows: list[Row], version: str) -> list[Row]:
    titles, texts = ([_text(row.get(name)) for row in rows] for name in ("title", "text"))
    with_text = [at for at, text in enumerate(texts) if text]
    answers = scorer.answer([titles[at] for at in with_text], [texts[at] for at in with_text])
    decisions = scorer.decide(answers)
    results: list[Row] = [
        dict.fromkeys(_DECISION.names) | {"needs_review": True, "model_version": version} for _ in rows
    ]
    for place, at in enumerate(with_text):
        results[at] |= {
            "label": str(decisions.label[place]),
            "positive_probability": round(float(decisions.positive_probability[place]), 6),
            "confidence": round(float(decisions.confidence[place]), 6),
            "needs_review": bool(decisions.needs_review[place]),
            "decided_by": str(answers.decided_by[place]),
        }
    return results


def _text(value: Any) -> str:
    """Return a cell's text, cleaned; what stands for a missing one, and what is no text at all, is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    text = clean_text(str(value))
    return "" if text.casefold() in _NO_TEXT else text


def _renamed(names: Mapping[str, str]) -> list[str]:
    changed = {name: free for name, free in names.items() if name != free}
    if not changed:
        return []
    return [f"the input has its own {', '.join(changed)}, which stay; ours are {', '.join(changed.values())}"]


def _formulas(rows: int) -> list[str]:
    if not rows:
        return []
    return [f"{rows} rows hold a value that a spreadsheet runs as a formula; --formulas-as-text makes texts of them"]
