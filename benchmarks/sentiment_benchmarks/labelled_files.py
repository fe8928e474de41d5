"""Labelled texts of one's own, in a table of any kind that is read, as reviews in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sentiment.core.errors import ContractError
from sentiment.core.labelled import LabelledReviews
from sentiment.core.text.clean import cell_text
from sentiment.datasets.labels import code_of
from sentiment.datasets.published import roles_of, several_labels
from sentiment.readers.config import FileOptions
from sentiment.readers.rows import Values
from sentiment.scoring.source import Source


def read_labelled(path: Path, options: FileOptions) -> LabelledReviews:
    """Return the rows of a file, or of a folder of them, with their label: 0, 1, negative or positive.

    Raises ContractError for what is not there or is no table, a table without labels or rows, and a row without a text
    or a label, which it names.
    """
    source = Source.of(path, options)
    if several := several_labels(source.columns):
        raise ContractError(f"{path}: {several}")
    label = roles_of(source.columns).get("label")
    if label is None:
        raise ContractError(
            f"{path}: no column is the label among {', '.join(source.columns) or 'none'}; call it label"
        )
    rows = [
        _row(part.place(row), row.values, label, source) for part in source.parts for row in part.rows(source.texts)
    ]
    if not rows:
        raise ContractError(f"{path} holds no row; give one with a text and a label in each")
    titles, texts, labels = zip(*rows, strict=True)
    keys = [f"{path.name}-{at}" for at in range(len(rows))]
    return LabelledReviews.of(keys, titles, texts, np.array(labels, np.int64))


def _row(place: str, row: Values, label: str, source: Source) -> tuple[str, str, int]:
    code = code_of(row.get(label), is_open=False)
    if code is None:
        raise ContractError(f"{place}: the label is {str(row.get(label))[:20]!r}, not 0 or 1; mend or remove the row")
    title, text = (cell_text(source.mapping.value(row, role)) for role in ("title", "text"))
    if not text:
        raise ContractError(f"{place}: the text is empty; mend or remove the row")
    return title, text, code
