"""Scores the rows of a file: JSONL, JSONL.gz, CSV or Parquet in, any of them out, rows and order kept.

Files are read and written as streams, so their size does not matter; the output appears whole or not at all.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from sentiment.errors import ContractError
from sentiment.progress import OnProgress
from sentiment.scoring.engine import Scorer

Row = dict[str, Any]

_CHUNK_ROWS = 4096
_KINDS = (".jsonl", ".jsonl.gz", ".csv", ".parquet")


def predict_file(scorer: Scorer, source: Path, target: Path, version: str, on_progress: OnProgress) -> dict[str, int]:
    """Write `source` with the decision added to every row; return rows, positive, needs_review and unscored.

    A row without text keeps its place with empty decisions and counts as unscored. Raises ContractError for an unknown
    kind of file, a missing column `text`, and a line that cannot be read, which it names.
    """
    counts = {"rows": 0, "positive": 0, "needs_review": 0, "unscored": 0}

    def decided() -> Iterator[Row]:
        for rows in _chunks(_read(source)):
            for row in predict_rows(scorer, rows, version):
                counts["rows"] += 1
                counts["positive"] += row["label"] == "positive"
                counts["needs_review"] += bool(row["needs_review"])
                counts["unscored"] += row["label"] is None
                yield row
            on_progress("scoring rows", counts["rows"], 0)

    _kind(target)
    aside = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        _write(aside, decided())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return counts


def predict_rows(scorer: Scorer, rows: list[Row], version: str) -> list[Row]:
    """Return the rows with label, positive_probability, confidence, needs_review and model_version added."""
    with_text = [at for at, row in enumerate(rows) if str(row.get("text") or "").strip()]
    decisions = scorer.decide(
        scorer.probabilities(
            [str(rows[at].get("title") or "") for at in with_text], [str(rows[at]["text"]) for at in with_text]
        )
    )
    nothing: Row = {"label": None, "positive_probability": None, "confidence": None, "needs_review": True}
    results = [{**row, **nothing, "model_version": version} for row in rows]
    for place, at in enumerate(with_text):
        results[at] |= {
            "label": str(decisions.label[place]),
            "positive_probability": round(float(decisions.positive_probability[place]), 6),
            "confidence": round(float(decisions.confidence[place]), 6),
            "needs_review": bool(decisions.needs_review[place]),
        }
    return results


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while chunk := list(islice(stream, _CHUNK_ROWS)):
        yield chunk


def _kind(path: Path) -> str:
    for kind in _KINDS:
        if path.name.lower().endswith(kind):
            return kind
    raise ContractError(f"{path} is of no kind that can be read or written; use one of {', '.join(_KINDS)}")


def _open(path: Path, mode: str) -> IO[str]:
    # `surrogatepass` keeps half a character, which JSON can spell, from ending the run.
    if path.name.lower().endswith(".gz"):
        return cast("IO[str]", gzip.open(path, mode, encoding="utf-8", errors="surrogatepass"))
    return path.open(mode, encoding="utf-8", errors="surrogatepass", newline="")


def _read(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise ContractError(f"there is no file {path}; check --input")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    yield from readers.get(_kind(path), _read_jsonl)(path)


def _read_jsonl(path: Path) -> Iterator[Row]:
    with _open(path, "rt") as lines:
        try:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _parsed(line, f"{path}, line {number}")
        except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
            raise ContractError(f"{path} cannot be read to its end: {error}; replace the file") from error


def _parsed(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ContractError(f"{where}: this is not JSON ({error}); mend or remove the line") from error
    if not isinstance(row, dict):
        raise ContractError(f"{where}: this is not a JSON object; mend or remove the line")
    return row


def _read_csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    with _open(path, "rt") as lines:
        reader = csv.DictReader(lines)
        _require_text(reader.fieldnames or [], path)
        yield from reader


def _read_parquet(path: Path) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        _require_text(file.schema_arrow.names, path)
        for batch in file.iter_batches(batch_size=_CHUNK_ROWS):
            yield from batch.to_pylist()


def _require_text(columns: Iterable[str], path: Path) -> None:
    found = list(columns)
    if "text" not in found:
        raise ContractError(f"{path} has no column text; its columns are {', '.join(found) or 'none'}: rename one")


def _write(path: Path, rows: Iterable[Row]) -> None:
    writers = {".csv": _write_csv, ".parquet": _write_parquet}
    path.parent.mkdir(parents=True, exist_ok=True)
    writers.get(_kind(path), _write_jsonl)(path, rows)


def _write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    with _open(path, "wt") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=True, default=str) + "\n")


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    stream = iter(rows)
    first = next(stream, None)
    with _open(path, "wt") as file:
        if first is not None:
            writer = csv.DictWriter(file, list(first), restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerow(first)
            writer.writerows(stream)


def _write_parquet(path: Path, rows: Iterable[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    try:
        for chunk in _chunks(rows):
            table = pa.Table.from_pylist(chunk, schema=writer.schema if writer else None)
            writer = writer or parquet.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer:
            writer.close()
    if writer is None:
        parquet.write_table(pa.table({"text": pa.array([], pa.string())}), path)
