"""The lines of landed files, read by Spark's workers, one task a file.

Rows of other kinds than JSON lines become such lines, with the columns that are read of them beside each. A file that
cannot be read to its end, or not at all, gives one row that says so, so that the job can name it and write nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import pyarrow as pa

from sentiment.core.errors import BrokenFileError, ContractError, UnavailableError
from sentiment.core.plain_json import plain_json
from sentiment.core.text.characters import writable
from sentiment.core.wording import cause
from sentiment.readers.config import ReviewOptions
from sentiment.readers.encoding import LONGEST_LINE, UTF_8, Foreign, decoded, ended
from sentiment.readers.jsons import EDGES, breaks_off
from sentiment.readers.kinds import Format, format_of
from sentiment.readers.packing import BROKEN, Packing, unpacked
from sentiment.readers.rows import Row, columns_of, read
from sentiment.readers.schemas import FIVE, ColumnMapping, mapping_of, mapping_of_objects, require_review
from sentiment.stores import files as storage
from sentiment.stores.spark_jobs import counting_rows, parallelism

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_BATCH_BYTES = 4 << 20
_BATCH_ROWS = 2000
# `fault` is why a row cannot be read, `broken` and `refused` why a file cannot; `mapping` is None for our own lines. A
# row that is `unended` is a last one behind which no line ends.
LINES = pa.schema(
    [
        ("source_file", pa.string()),
        ("line", pa.int64()),
        ("raw", pa.string()),
        ("mapping", pa.string()),
        ("fault", pa.string()),
        ("broken", pa.string()),
        ("refused", pa.string()),
        ("unended", pa.bool_()),
    ]
)


class LandedFile(NamedTuple):
    """A file: its address, what it is called in the lake, and how it is read, as JSON of ReviewOptions."""

    uri: str
    name: str
    options: str = "{}"


class _Line(NamedTuple):
    line: int | None
    raw: str | None
    fault: str | None = None
    unended: bool = False


def read_lines(
    spark: SparkSession,
    files: Sequence[LandedFile],
    partitions: int,
    lines: Callable[[LandedFile], Iterator[pa.RecordBatch]],
) -> DataFrame:
    """Read files as rows of LINES spread over `partitions`; empty lines are no lines."""
    from pyspark.sql.pandas.types import from_arrow_schema

    def each(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield from _of_file(LandedFile(**row), lines)

    listed = spark.createDataFrame(pa.Table.from_pylist([file._asdict() for file in files]))
    # Many small files are no many tasks: one costs as much as reading some hundred of them.
    tasks = min(len(files), 4 * parallelism(spark))
    spread = listed.repartition(tasks, "uri") if tasks > 1 else listed.coalesce(1)
    # By line, which spreads as evenly as taking turns, for which Spark would sort all lines first.
    return spread.mapInArrow(each, from_arrow_schema(LINES)).repartition(partitions, "line")


def _of_file(file: LandedFile, lines: Callable[[LandedFile], Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Read a file; one that may not be read, or is gone, is as one that breaks off. Other errors may pass."""
    try:
        yield from lines(file)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        yield _batch(file.name, [_Line(None, None)], broken=cause(error))


def lines_of_reviews(file: LandedFile) -> Iterator[pa.RecordBatch]:
    """Read a file of reviews of any kind as batches of LINES."""
    try:
        options = ReviewOptions.model_validate_json(file.options)
        form = format_of(file.uri, options)
        mapping = _mapping(file.uri, form, options)
        as_they_stand = form.kind == "jsonl" and form.encoding == UTF_8 and form.packing == _named_packing(file.uri)
        lines = lines_of(file, mapping) if as_they_stand else _lines_of_rows(file, form, mapping)
        yield from counting_rows(lines, "files")
    except (BrokenFileError, UnavailableError) as error:  # either way the run is tried again
        yield _batch(file.name, [_Line(None, None)], broken=str(error))
    except ContractError as error:
        yield _batch(file.name, [_Line(None, None)], refused=str(error))


def mapping_of_file(form: Format, columns: Sequence[str], options: ReviewOptions) -> ColumnMapping:
    """Return which columns are read as what; raises ContractError for a column that was named and is not there."""
    of_kind = mapping_of_objects if form.kind in ("json", "jsonl") else mapping_of
    return of_kind(columns, options)


def lines_of(file: LandedFile, mapping: ColumnMapping | None = None) -> Iterator[pa.RecordBatch]:
    """Read a file of JSON lines, packed with gzip or not, as batches of LINES, as they stand."""
    foreign = Foreign(UTF_8)
    for first, lines, broken in _chunks(file.uri):
        numbered = (_line(first + at, line, foreign) for at, line in enumerate(lines))
        yield _batch(file.name, [line for line in numbered if line.raw], mapping)
        if broken:
            yield _batch(file.name, [_Line(None, None)], broken=broken)


def _named_packing(uri: str) -> Packing:
    return "gz" if uri.endswith(".gz") else ""


def _mapping(uri: str, form: Format, options: ReviewOptions) -> ColumnMapping | None:
    """Return which columns are read as what; None for lines in our own names, which are read as they always were.

    Lines in which nothing is found are taken for those: each says for itself what it lacks.
    """
    columns = columns_of(uri, form)
    try:
        mapping = mapping_of_file(form, columns, options)
        ours = mapping.is_ours and not options.columns and mapping.stars == FIVE
        if form.kind == "jsonl" and ours:
            return mapping if mapping.product_name else None
        if columns:
            require_review(mapping, columns)
    except ContractError as error:
        raise ContractError(f"{uri}: {error}") from None
    return mapping


def _lines_of_rows(file: LandedFile, form: Format, mapping: ColumnMapping | None) -> Iterator[pa.RecordBatch]:
    wanted = None if mapping is None else sorted(set(mapping.columns.values()))
    rows = (_line_of(row) for row in read(file.uri, form, wanted))
    while lines := list(islice(rows, _BATCH_ROWS)):
        yield _batch(file.name, lines, mapping)


def _line_of(row: Row) -> _Line:
    if row.fault:
        return _Line(row.number, writable(row.raw), row.fault, not row.ended)
    try:
        return _Line(row.number, plain_json(row.values), unended=not row.ended)
    except RecursionError:
        return _Line(row.number, "", "a value of the row is nested too deeply to be written", not row.ended)


def _batch(
    name: str,
    lines: Sequence[_Line],
    mapping: ColumnMapping | None = None,
    broken: str | None = None,
    refused: str | None = None,
) -> pa.RecordBatch:
    count = len(lines)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([name] * count, pa.string()),
            pa.array([line.line for line in lines], pa.int64()),
            pa.array([line.raw for line in lines], pa.string()),
            pa.array([mapping and mapping.as_json()] * count, pa.string()),
            pa.array([line.fault for line in lines], pa.string()),
            pa.array([broken] * count, pa.string()),
            pa.array([refused] * count, pa.string()),
            pa.array([line.unended for line in lines], pa.bool_()),
        ],
        schema=LINES,
    )


def _chunks(uri: str) -> Iterator[tuple[int, list[bytes], str | None]]:
    """Give (number of the first line, lines, what broke) for some megabytes of a file at a time."""
    first = 1
    stream = storage.open_binary(uri)
    try:
        reader = unpacked(stream, _named_packing(uri))
    except EOFError as error:
        yield first, [], str(error)
        return
    while True:
        try:
            lines = list(_whole_lines(reader))
        except (BrokenFileError, *BROKEN) as error:
            yield first, [], f"{error} (after {reader.tell()} unpacked bytes)"
            return
        if not lines:
            return
        last = lines[-1]
        if not last.endswith(b"\n") and breaks_off(last.decode(errors="replace")):
            yield first, lines[:-1], f"it breaks off within line {first + len(lines) - 1}"
            return
        yield first, lines, None
        first += len(lines)


def _whole_lines(reader: BinaryIO) -> Iterator[bytes]:
    """Give lines of some megabytes in all; raises BrokenFileError for one without an end, which would fill memory."""
    read = 0
    while read < _BATCH_BYTES and (line := ended(reader.readline(LONGEST_LINE))):
        read += len(line)
        yield line


def _line(number: int, line: bytes, foreign: Foreign) -> _Line:
    try:
        return _Line(number, line.decode().strip(EDGES))
    except UnicodeDecodeError:
        text = decoded(line, UTF_8).strip(EDGES)
        return _Line(number, writable(text), foreign.byte(text))
