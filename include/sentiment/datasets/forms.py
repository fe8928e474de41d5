"""The rows of one file of a published data set, in whatever form it comes.

Tables are read as everywhere here; fastText's lines and the folders of IMDb's archive are these data sets' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import NamedTuple

from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.core.text.clean import clean_text
from sentiment.datasets.published import (
    COLUMNS_OF_POLARITY,
    POLARITY,
    BadRow,
    Row,
    read_fasttext,
    read_file,
    review,
    roles_of,
)
from sentiment.datasets.source import SourceFile
from sentiment.readers.config import FileOptions
from sentiment.readers.encoding import UTF_8, Foreign, lines
from sentiment.readers.kinds import Format, format_of, is_readable, opened
from sentiment.readers.packing import BROKEN
from sentiment.readers.rows import read
from sentiment.stores import files as storage


class Numbered(NamedTuple):
    """A row, or what stands in its place, and its number: that of its line where it begins one."""

    number: int
    row: Row | BadRow


def rows_of(dataset: str, file: SourceFile) -> Iterator[Numbered]:
    """Give the rows of a file.

    Raises ContractError for a file that breaks off, a web page, and one that is no table that can be read.
    """
    with _to_its_end(file):
        if is_readable(file.name):
            yield from _table(dataset, file)
        elif _is_fasttext(file):
            yield from _fasttext(file)
        else:
            yield Numbered(1, read_file(file.name, _text(file)))


def texts_of(file: SourceFile) -> Iterator[tuple[int, str | BadRow]]:
    """Give the number and the text of each row of a file of reviews without a label, cleaned; it may be empty.

    Raises ContractError as `rows_of` does.
    """
    with _to_its_end(file):
        if not is_readable(file.name):
            yield 1, clean_text(_text(file))
            return
        for row in read(file.uri, format_of(file.uri, FileOptions())):
            column = roles_of(tuple(row.values)).get("text", "")
            given = row.values.get(column)
            if row.fault or not column:
                yield row.number, BadRow(row.fault or "there is no text")
            else:
                yield row.number, clean_text(given) if isinstance(given, str) else ""


def require_end(file: SourceFile) -> None:
    """Raise ContractError where no line end stands behind a file's last row; ask where that row is bad."""
    if file.name.lower().endswith(".parquet") or not (is_readable(file.name) or _is_fasttext(file)):
        return
    last = b""
    with opened(file.uri) as stream:
        while block := stream.read(1 << 20):
            last = block
    # In UTF-16 a line end has a zero before or behind it.
    if not last.rstrip(b"\0").endswith(b"\n"):
        raise ContractError(f"{file.uri} breaks off within its last row; fetch it again")


@contextmanager
def _to_its_end(file: SourceFile) -> Iterator[None]:
    try:
        yield
    except (BrokenFileError, *BROKEN, UnicodeError) as error:
        raise ContractError(f"{file.uri} cannot be read to its end: {error}; fetch it again") from error


def _table(dataset: str, file: SourceFile) -> Iterator[Numbered]:
    form = format_of(file.uri, FileOptions())
    if dataset == POLARITY and form.dialect and form.dialect.names_first:
        if roles_of(form.columns).keys() >= {"text", "label"}:
            yield Numbered(1, BadRow("the row names the columns"))
        else:
            form = _without_names(form)
    for row in read(file.uri, form):
        yield Numbered(row.number, BadRow(row.fault) if row.fault else review(dataset, row.values))


def _without_names(form: Format) -> Format:
    """Take the first row of a table as a review, which it is in the authors' files."""
    if form.dialect is None:
        return form
    count = len(form.columns)
    columns = COLUMNS_OF_POLARITY if count == len(COLUMNS_OF_POLARITY) else tuple(map(str, range(1, count + 1)))
    return replace(form, dialect=replace(form.dialect, names_first=False), columns=columns)


def _fasttext(file: SourceFile) -> Iterator[Numbered]:
    foreign = Foreign(UTF_8)
    with opened(file.uri) as stream:
        for number, line in enumerate(lines(stream, UTF_8), 1):
            if line.strip():
                fault = foreign.byte(line)
                yield Numbered(number, BadRow(fault) if fault else read_fasttext(line))


def _text(file: SourceFile) -> str:
    """Return what a file holds, with question marks for bytes that are not UTF-8."""
    with closing(storage.open_binary(file.uri)) as stream:
        return stream.read().decode("utf-8-sig", "replace")


def _is_fasttext(file: SourceFile) -> bool:
    return ".ft.txt" in file.name.lower()
