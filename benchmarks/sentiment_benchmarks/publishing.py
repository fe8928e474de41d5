"""Where the tables and pictures of a benchmark go: a run in MLflow, and a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.stores.registry.versions import Registry


@dataclass(frozen=True)
class Publication:
    """A run's id, and the folder in which a benchmark leaves what is to be published."""

    run_id: str
    written: Path


@contextmanager
def published(name: str, config: VerbConfig, output: Path, context: Context) -> Iterator[Publication]:
    """Open a benchmark's run, and when the block is done publish its tables in the folder `output`, and there.

    MLflow is asked before hours are spent on what it is to keep. A benchmark that fails leaves in `output` what was
    measured another time; one that comes to its end takes its place.
    """
    params: dict[str, Any] = config.model_dump(mode="json")
    with (
        Registry(context.settings).run(f"benchmark {name}", params, {"benchmark": name}, context) as run,
        TemporaryDirectory() as scratch,
    ):
        written = Path(scratch) / "written"
        yield Publication(run.run_id, written)
        # With pictures of other data, measured another time.
        shutil.rmtree(output / "tables", ignore_errors=True)
        shutil.copytree(written, output, dirs_exist_ok=True)
        run.log_folder(written / "tables", "tables")
