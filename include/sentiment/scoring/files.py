"""Scores the rows of a file: JSONL, JSONL.gz, CSV or Parquet in, any of them out, rows and order kept.

The output appears whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from sentiment.progress import OnProgress
from sentiment.scoring.rows import Row, chunks, file_kind, read_rows, write_rows
from sentiment.scoring.scorer import Scorer
from sentiment.text.clean import clean_text

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


def predict_file(scorer: Scorer, source: Path, target: Path, version: str, on_progress: OnProgress) -> dict[str, int]:
    """Write `source` with the decision added to every row; return rows, positive, needs_review and unscored.

    A row without text, or with nothing but markup, keeps its place with empty decisions and counts as unscored. Raises
    ContractError for an unknown kind of file, a missing column `text`, and a line that cannot be read, which it names.
    """
    counts = {"rows": 0, "positive": 0, "needs_review": 0, "unscored": 0}

    def decided() -> Iterator[Row]:
        for rows in chunks(read_rows(source)):
            for row in predict_rows(scorer, rows, version):
                counts["rows"] += 1
                counts["positive"] += row["label"] == "positive"
                counts["needs_review"] += bool(row["needs_review"])
                counts["unscored"] += row["label"] is None
                yield row
            on_progress("scoring rows", counts["rows"], 0)

    file_kind(target)
    aside = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        write_rows(aside, decided(), source, _DECISION)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return counts


def predict_rows(scorer: Scorer, rows: list[Row], version: str) -> list[Row]:
    """Return the rows with their decision, who made it (`decided_by`) and model_version added.

    Titles and texts are scored as the lake would hold them, and stay in the rows as they are.
    """
    titles, texts = ([clean_text(str(row.get(name) or "")) for row in rows] for name in ("title", "text"))
    with_text = [at for at, text in enumerate(texts) if text]
    answers = scorer.answer([titles[at] for at in with_text], [texts[at] for at in with_text])
    decisions = scorer.decide(answers)
    nothing: Row = dict.fromkeys(_DECISION.names) | {"needs_review": True}
    results = [{**row, **nothing, "model_version": version} for row in rows]
    for place, at in enumerate(with_text):
        results[at] |= {
            "label": str(decisions.label[place]),
            "positive_probability": round(float(decisions.positive_probability[place]), 6),
            "confidence": round(float(decisions.confidence[place]), 6),
            "needs_review": bool(decisions.needs_review[place]),
            "decided_by": str(answers.decided_by[place]),
        }
    return results
