"""Files and folders that appear whole or not at all: made beside their place, and moved there in one step.

What a killed process leaves behind begins with a dot, so that nobody takes it for the thing itself.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a free name beside `path`; what the block makes there, a file, a link or a folder, takes its place.

    It ends as `path` does, in a folder that is there. When the block raises, or what it made cannot take that place, it
    is removed and `path` stays as it is.
    """
    with _beside(path) as aside:
        yield aside
        if path.is_dir() and not path.is_symlink():
            # A folder cannot be renamed over one that has files, so the old one steps aside first.
            with _beside(path) as old:
                path.rename(old)
                try:
                    aside.rename(path)
                except OSError:
                    old.rename(path)
                    raise
        else:
            aside.replace(path)


@contextmanager
def creating(path: Path) -> Iterator[Path]:
    """Do the same where nothing may be replaced: of two processes that make it at once, the first one's stays."""
    with _beside(path) as aside:
        yield aside
        keep(aside, path)


def keep(aside: Path, path: Path) -> None:
    """Move a file or a folder to its place in one step, unless another process was faster."""
    try:
        if aside.is_dir():
            aside.rename(path)
        else:
            os.link(aside, path)  # unlike a rename, a link takes nothing's place
    except OSError:
        if not path.exists():
            raise


def left_over(path: Path) -> list[Path]:
    """Return what killed processes left beside `path`; one that is at work makes such a thing too."""
    return list(path.parent.glob(f".*.{path.name}"))


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    aside = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        yield aside
    finally:
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)
