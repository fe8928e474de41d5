"""Standard input and output in place of files.

What comes in is kept in a file meanwhile, for some kinds are read twice; what goes out is whole before it goes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sentiment.scoring.rows import encoding_of, file_kind


@contextmanager
def received() -> Iterator[Path]:
    """Give a file with what comes in: JSON lines when it begins with a brace, CSV otherwise."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "input"
        with file.open("wb") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
        named = file.with_suffix(".jsonl" if _begins_with_a_brace(file) else ".csv")
        yield file.rename(named)


@contextmanager
def sent(source: Path) -> Iterator[Path]:
    """Give a file to write, of the kind of `source` (JSON lines for Parquet), and send it out when it is whole."""
    kind = file_kind(source)
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"output{kind if kind == '.csv' else '.jsonl'}"
        yield file
        sys.stdout.flush()
        with file.open("rb") as whole:
            shutil.copyfileobj(whole, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _begins_with_a_brace(file: Path) -> bool:
    with file.open("rb") as stream:
        beginning = stream.read(4096)
    return beginning.decode(encoding_of(beginning), "replace").lstrip().startswith("{")
