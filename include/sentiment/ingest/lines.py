"""The lines of landed files, read by Spark's workers, one task a file.

A file that cannot be read to its end gives one row with `broken` set, so that the job can name file and offset and
write nothing.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

import pyarrow as pa

from sentiment.stores import files as storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BATCH_BYTES = 4 << 20
LINES = pa.schema([("source_file", pa.string()), ("line", pa.int64()), ("raw", pa.string()), ("broken", pa.string())])


def read_lines(spark: SparkSession, files: Sequence[tuple[str, str]], partitions: int) -> DataFrame:
    """Read files, pairs of address and name, as rows of LINES spread over `partitions`; empty lines are no lines."""
    from pyspark.sql.pandas.types import from_arrow_schema

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for uri, name in zip(batch["uri"].to_pylist(), batch["name"].to_pylist(), strict=True):
                yield from lines_of(uri, name)

    listed = spark.createDataFrame(pa.table({"uri": [uri for uri, _ in files], "name": [name for _, name in files]}))
    # Many small files are no many tasks: one costs as much as reading some hundred of them.
    tasks = min(len(files), 4 * spark.sparkContext.defaultParallelism)
    spread = listed.repartition(tasks, "uri") if tasks > 1 else listed.coalesce(1)
    # By line, which spreads as evenly as taking turns, for which Spark would sort all lines first.
    return spread.mapInArrow(read, from_arrow_schema(LINES)).repartition(partitions, "line")


def lines_of(uri: str, name: str) -> Iterator[pa.RecordBatch]:
    """Read one file as batches of LINES; `name` is what it is called in the lake."""
    for first, lines, broken in _chunks(uri):
        texts = [_text(line) for line in lines]
        numbered = [(first + at, text) for at, text in enumerate(texts) if text]
        rows = [*numbered, (None, None)] if broken else numbered
        yield pa.RecordBatch.from_arrays(
            [
                pa.array([name] * len(rows), pa.string()),
                pa.array([number for number, _ in rows], pa.int64()),
                pa.array([text for _, text in rows], pa.string()),
                pa.array([None] * len(numbered) + [broken] * (len(rows) - len(numbered)), pa.string()),
            ],
            schema=LINES,
        )


def _chunks(uri: str) -> Iterator[tuple[int, list[bytes], str | None]]:
    """Give (number of the first line, lines, what broke) for some megabytes of a file at a time."""
    first = 1
    reader = _unpacked(uri)
    while True:
        try:
            lines = reader.readlines(_BATCH_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield first, [], f"{error} (after {reader.tell()} unpacked bytes)"
            return
        if not lines:
            if not first - 1 and uri.endswith(".gz") and not reader.tell() and _is_void(uri):
                yield 1, [], "it has 0 bytes, and an empty gzip has some twenty"
            return
        last = lines[-1]
        if not last.endswith(b"\n") and _breaks_off(last):
            yield first, lines[:-1], f"it breaks off within line {first + len(lines) - 1}"
            return
        yield first, lines, None
        first += len(lines)


def _breaks_off(line: bytes) -> bool:
    """Tell whether a last line without a line end is the beginning of an object; a whole one with a rest is none."""
    text = _text(line)
    if text.endswith("\0"):
        return True  # room that was set aside for the file, and never written
    if not text.startswith("{"):
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        return True
    return False


def _is_void(uri: str) -> bool:
    return storage.look(uri)[0].size == 0


def _unpacked(uri: str) -> BinaryIO:
    stream = storage.open_binary(uri)
    if uri.endswith(".gz"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", stream)))


def _text(line: bytes) -> str:
    # A byte order mark stands before a file, and where files were put one after another within it.
    return line.decode("utf-8", errors="replace").strip("\r\n \t\ufeff")
