"""The rows that are scored: of a file, or of all files of a folder as Spark writes it, and which column is the text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from sentiment.core.errors import BrokenFileError, ContractError
from sentiment.core.text.characters import writable
from sentiment.readers import parquet
from sentiment.readers.config import FileOptions
from sentiment.readers.kinds import Format, format_of, is_readable
from sentiment.readers.rows import Row, Values, place, read
from sentiment.readers.schemas import ColumnMapping, mapping_of, require_text
from sentiment.readers.table_folders import require_no_table
from sentiment.scoring.scored import TEXTS
from sentiment.stores import files as storage

# So many columns of a file are named.
_SHOWN = 12
_NO_TEXTS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_temporal,
    pa.types.is_nested,
    pa.types.is_fixed_size_binary,
)


@dataclass(frozen=True)
class Part:
    """A file, what it is, and its bytes and when it was written, as they were before it was looked at."""

    uri: str
    form: Format
    found: tuple[int, int]

    def rows(self, texts: Sequence[str] = ()) -> Iterator[Row]:
        """Give the rows; raises ContractError for one that cannot be read, or has no text in `texts`, and names it."""
        with _named(self.uri):
            for row in read(self.uri, self.form, texts=texts):
                if row.fault:
                    raise ContractError(f"{self.place(row)}: {_with_remedy(row)}")
                yield row

    def place(self, row: Row) -> str:
        """Say where a row is, for a person who looks for it."""
        return f"{self.uri}, {place(self.form, row)}"

    def require_unchanged(self) -> None:
        """Raise ContractError where the file is another than was looked at: its columns and rows may be others."""
        if _state(self.uri) != self.found:
            raise ContractError(f"{self.uri} changed while it was read; run it again when it is whole")

    def require_texts(self, column: str, columns: Collection[str]) -> None:
        """Raise ContractError where a column of Parquet, whose types are known, or of JSON holds no texts at all."""
        if self.form.kind.startswith("json") and column in columns:
            self._require_text_in_json(column)
        if self.form.kind != "parquet" or column not in (schema := parquet.schema_of(self.uri)).names:
            return
        kind = schema.field(column).type
        if any(is_kind(kind) for is_kind in _NO_TEXTS):
            raise ContractError(
                f"{self.uri}: the text would be read from {column}, which holds {kind} and no texts; name the column "
                "of the texts, as in --columns text=NAME"
            )

    def _require_text_in_json(self, column: str) -> None:
        built = False
        for value in (row.values.get(column) for row in self.rows()):
            if not isinstance(value, dict | list):
                return
            built = True
        if built:
            raise ContractError(
                f"{self.uri}: {column} holds objects or lists and no texts; write an object a review, as pandas does "
                "with to_json(orient='records', lines=True)"
            )

    def columns(self) -> Iterator[str]:
        """Give the names of the columns; an object of JSON may have any, the last one as well."""
        if self.form.kind == "parquet":
            with _named(self.uri):
                yield from parquet.schema_of(self.uri).names
        elif self.form.dialect is not None:
            yield from self.form.columns
        else:
            yield from (name for row in self.rows() for name in row.values)


@dataclass(frozen=True)
class Source:
    """The files, their columns in order, which of those are what of a review, and the files that are not read."""

    parts: tuple[Part, ...]
    columns: tuple[str, ...]
    mapping: ColumnMapping
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, options: FileOptions, *, piped: bool = False) -> Self:
        """Look at a file or a folder.

        Raises ContractError for what is of no kind that is read, or cannot be read, and where no column is the text.
        """
        parts = tuple(_part(uri, options, piped=piped) for uri in files_of(path, options))
        of_parts = [tuple(dict.fromkeys(part.columns())) for part in parts]
        columns = tuple(dict.fromkeys(name for of_part in of_parts for name in of_part))
        try:
            mapping = mapping_of(columns, options)
            # A file without a line, or JSON without rows, is a day without reviews.
            if columns:
                require_text(mapping, columns)
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from error
        with_text = {name for of_part in of_parts if mapping.columns.get("text") in of_part for name in of_part}
        for part, of_part in zip(parts, of_parts, strict=True):
            part.require_texts(mapping.columns.get("text", ""), of_part)
            _require_alike(part, mapping_of(of_part, FileOptions()), mapping, of_part, with_text)
        return cls(parts, columns, mapping, _others(path, {part.uri for part in parts}))

    @property
    def texts(self) -> list[str]:
        """The columns that are read as text and title."""
        return [column for role, column in self.mapping.columns.items() if role in TEXTS]

    def rows(self) -> Iterator[Values]:
        """Give the rows in their order; raises ContractError as its parts do, at the end where one of them changed."""
        for part in self.parts:
            yield from (row.values for row in part.rows(self.texts))
        for part in self.parts:
            part.require_unchanged()


def _require_alike(
    part: Part, own: ColumnMapping, mapping: ColumnMapping, columns: tuple[str, ...], with_text: Collection[str]
) -> None:
    """Raise ContractError for a part whose texts stand elsewhere than those of the others: it would go unscored.

    Objects of JSON may lack a text, all of a part as well, where they have nothing else than those `with_text`.
    """
    text, its = mapping.columns.get("text"), own.columns.get("text")
    lacking = part.form.kind.startswith("json") and set(columns) <= set(with_text)
    if columns and text not in columns and (its or not lacking):
        has = f"its texts seem to stand in {its}" if its else f"it has {', '.join(map(str, columns[:_SHOWN]))}"
        raise ContractError(
            f"{part.uri} has no column {text}, from which the texts of the folder are read; {has}: score it by itself"
        )


def files_of(path: Path, options: FileOptions) -> list[str]:
    """Return the files whose rows are scored; raises ContractError where there is none, and for a table's folder."""
    if path.is_file():
        return [str(path)]
    if not path.is_dir():
        raise ContractError(f"there is no file {path}; check the path")
    there = storage.list_files(str(path))
    require_no_table(str(path), there)
    found = [uri for uri in there if _is_part(uri, path.resolve(), options)]
    if not found:
        raise ContractError(f"{path} holds no file of a kind that is read; check the path, or say --kind")
    return found


def _is_part(uri: str, folder: Path, options: FileOptions) -> bool:
    """Tell a file of rows from a writer's marks, and from what is hidden."""
    return not _is_hidden(uri, folder) and (options.kind is not None or is_readable(uri))


def _is_hidden(uri: str, folder: Path) -> bool:
    return any(name.startswith((".", "_")) for name in Path(uri).relative_to(folder).parts)


def _others(path: Path, read: Collection[str]) -> tuple[str, ...]:
    """Return what else lies in a folder and is not hidden, by its place in there: of kinds that are not read."""
    folder = path.resolve()
    there = storage.list_files(str(path)) if path.is_dir() else []
    others = (uri for uri in there if uri not in read and not _is_hidden(uri, folder))
    return tuple(writable(str(Path(uri).relative_to(folder))) for uri in others)


def _part(uri: str, options: FileOptions, *, piped: bool) -> Part:
    found = _state(uri)
    with _named(uri):
        return Part(uri, format_of(uri, options, piped=piped), found)


def _state(uri: str) -> tuple[int, int]:
    file = Path(uri).stat()
    return file.st_size, file.st_mtime_ns


@contextmanager
def _named(uri: str) -> Iterator[None]:
    try:
        yield
    except BrokenFileError as error:
        raise ContractError(f"{uri} cannot be read to its end: {error}; replace the file") from error


def _with_remedy(row: Row) -> str:
    return row.fault if ";" in row.fault else f"{row.fault}; mend or remove the row"
