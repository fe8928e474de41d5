"""Tables of hostile texts, what it means that a file of one is read back, and how a file is read in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sentiment.readers.config import FileOptions
from sentiment.readers.kinds import format_of
from sentiment.readers.rows import Row, read

# What means something to one reader or another, alone and as others' rows hold it.
HOSTILE = [
    *"\",;|\t\\\n\r\0'ab7 \u00e9",
    "\r\n",
    '""',
    '\\"',
    "\\\\",
    '",',
    ',"',
    "\n1,2,3\n",
    "\n1\t2\n",
    "\n5;a\n",
    "sep=;",
]
TEXTS = st.lists(st.sampled_from(HOSTILE), max_size=8).map("".join)
# The last value of a row is without one at its end: there it is read as part of the line's end.
NAMES = ["Text", "re view", "stars", 'said "x"', "a,b", "Gr\u00f6\u00dfe", "TITLE", "_"]

Table = list[dict[str, str]]


@st.composite
def tables(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> Table:
    """Rows of one to four columns of texts and one, `id`, that tells a row from all others."""
    names = [*draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)), "id"]
    order = draw(st.permutations(names))
    rows = draw(st.lists(st.lists(texts, min_size=len(names), max_size=len(names)), max_size=8))
    return [dict(zip(order, [*values], strict=True)) | {"id": f"r{at}"} for at, values in enumerate(rows)]


def read_file(path: Path, **options: Any) -> list[Row]:
    """Read a file as the product would: told what it is by its name, its content and the options."""
    chosen = FileOptions(**options)
    return list(read(str(path), format_of(str(path), chosen)))


def assert_held(found: Sequence[Row], table: Table) -> None:
    """Every row of the table is read equal, in its place, or at least one fault stands where it would be.

    No row is read that the table has not, and no fault stands where all rows of the table are.
    """
    expected = 0
    faults = 0
    for row in [*found, None]:
        if row is not None and row.fault:
            assert not row.values
            faults += 1
            continue
        place = len(table) if row is None else [given["id"] for given in table].index(row.values["id"])
        skipped = place - expected
        assert skipped >= 0, f"row {place} is read out of its order"
        assert faults >= skipped, f"{skipped} rows are missing and {faults} faults stand in their place"
        assert skipped or not faults, f"a fault before row {place}, and no row is missing"
        assert row is None or row.values == table[place]
        expected, faults = place + 1, 0
