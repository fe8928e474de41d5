"""The landing: which files belong to a day or a history, and their lines, read by Spark's workers.

It does not know what a line means. A file that cannot be read to its end gives one row with `broken` set, so that
the job can name file and offset and write nothing.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, BinaryIO, cast

from sentiment import storage
from sentiment.errors import ContractError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_READABLE = re.compile(r"\.jsonl(\.gz)?$")
_PRODUCTS = re.compile(r"(^|/)meta_[^/]*$")
_BATCH_BYTES = 4 << 20
_LINE_SCHEMA = "source_file string, line long, raw string, broken string"


def files_of_day(landing: str, day: date) -> list[str]:
    """Return the day's files: DAY.jsonl.gz, DAY.jsonl, or every such file under the folder or prefix DAY/."""
    root = storage.join(landing, str(day))
    found = [uri for name in (f"{root}.jsonl.gz", f"{root}.jsonl", root) for uri in storage.list_files(name)]
    return [uri for uri in found if _READABLE.search(uri)]


def require_files_of_day(landing: str, day: date) -> list[str]:
    """Return the day's files, or say which names were looked for."""
    files = files_of_day(landing, day)
    if not files:
        raise ContractError(
            f"the landing has no file for {day}: looked for {day}.jsonl.gz, {day}.jsonl and {day}/ in {landing}; "
            "deliver the day's file (an empty one when there were no reviews), or correct SENTIMENT_LANDING"
        )
    return files


def history_files(source: str) -> list[str]:
    """Return the review files of a history: the file itself, or all .jsonl and .jsonl.gz files but the products'."""
    found = storage.list_files(source)
    files = [uri for uri in found if _READABLE.search(uri) and not _PRODUCTS.search(uri)]
    if not files:
        raise ContractError(f"{source} holds no .jsonl or .jsonl.gz file of reviews; check the path given as source")
    return files


def product_files(root: str) -> list[str]:
    """Return the product files (meta_*.jsonl or .jsonl.gz) under a folder or prefix, or the file itself."""
    return [uri for uri in storage.list_files(root) if _PRODUCTS.search(uri) and _READABLE.search(uri)]


def read_lines(spark: SparkSession, files: list[str], partitions: int) -> DataFrame:
    """Read files in Spark's workers, one task a file: columns source_file, line (from 1), raw, broken.

    Empty lines are no lines. The rows come back spread over `partitions`.
    """

    import pyarrow as pa

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for uri in batch["uri"].to_pylist():
                yield from _file_batches(uri)

    addresses = spark.createDataFrame(pa.table({"uri": files}))
    spread = addresses.repartition(len(files), "uri") if len(files) > 1 else addresses.coalesce(1)
    # By line, which spreads as evenly as taking turns, for which Spark would sort all lines first.
    return spread.mapInArrow(read, _LINE_SCHEMA).repartition(partitions, "line")


def _file_batches(uri: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    names = ["source_file", "line", "raw", "broken"]
    for first, lines, broken in _chunks(uri):
        numbered = [(first + at, text) for at, line in enumerate(lines) if (text := _text(line))]
        rows = [*numbered, (None, None)] if broken else numbered
        columns = [
            pa.array([uri] * len(rows), pa.string()),
            pa.array([number for number, _ in rows], pa.int64()),
            pa.array([text for _, text in rows], pa.string()),
            pa.array([None] * len(numbered) + [broken] * (len(rows) - len(numbered)), pa.string()),
        ]
        yield pa.RecordBatch.from_arrays(columns, names=names)


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
            return
        yield first, lines, None
        first += len(lines)


def _unpacked(uri: str) -> BinaryIO:
    stream = storage.open_binary(uri)
    if uri.endswith(".gz"):
        return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    return cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", stream)))


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").strip("\r\n \t")
