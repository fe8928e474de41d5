"""Labelled texts of one's own, in a table of any kind that is read, as reviews in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.datasets.forms import rows_of
from sentiment.datasets.published import BadRow, Row
from sentiment.datasets.source import SourceFile
from sentiment.readers.kinds import is_readable

# Its columns are those of IMDb's tables: a text, a label (0, 1, negative or positive), and maybe a title.
_COLUMNS_OF = "imdb"


def read_labelled(path: Path) -> LabelledReviews:
    """Return the rows of a table.

    Raises ContractError for a file that is not there, is no table, or holds no row, and for a row without a text or a
    label, which it names.
    """
    if not path.is_file():
        raise ContractError(f"there is no file {path}; check --files")
    if not is_readable(path.name):
        raise ContractError(f"{path} is of no kind that is read; name it .csv, .tsv, .jsonl, .json or .parquet")
    file = SourceFile(str(path), path.name, "")
    rows = [_good(path, number, row) for number, row in rows_of(_COLUMNS_OF, file)]
    if not rows:
        raise ContractError(f"{path} holds no row; give one with a text and a label in each")
    keys = [f"{path.name}-{at}" for at in range(len(rows))]
    labels = np.array([row.label for row in rows], np.int64)
    return LabelledReviews.of(keys, [row.title for row in rows], [row.text for row in rows], labels)


def _good(path: Path, number: int, row: Row | BadRow) -> Row:
    if isinstance(row, BadRow):
        raise ContractError(f"{path} row {number}: {row.reason}; mend or remove the row")
    return row
