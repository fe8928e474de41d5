"""Where the tables and pictures of a benchmark go: a run in MLflow, and a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from sentiment.core.config import VerbConfig
from sentiment.core.context import Context
from sentiment.core.errors import ContractError
from sentiment.core.wording import cause
from sentiment.stores.registry.handle import RunHandle
from sentiment.stores.registry.versions import Registry


@dataclass(frozen=True)
class Publication:
    """A benchmark's run, the empty folder in which it leaves what is to be published, and the one that is published."""

    run: RunHandle
    written: Path
    output: Path

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id

    def publish(self) -> None:
        """Log what was written until now to the run, and put it into the folder; where one fails the other has it.

        The folder may hold what was measured another time, and files of others, of which the run knows nothing.
        """
        try:
            self.run.log_folder(self.written)
        finally:
            shutil.copytree(self.written, self.output, dirs_exist_ok=True)


@contextmanager
def published(name: str, config: VerbConfig, output: Path, context: Context) -> Iterator[Publication]:
    """Open a benchmark's run, and when the block is done publish what it wrote there and in the folder `output`.

    Folder and MLflow are asked before hours are spent on what they are to keep. A benchmark that fails leaves in
    `output` what was measured another time; one that comes to its end takes its place. Raises ContractError for a
    folder that cannot be written to.
    """
    _require_writable(output)
    params: dict[str, Any] = config.model_dump(mode="json")
    with (
        Registry(context.settings).run(f"benchmark {name}", params, {"benchmark": name}, context) as run,
        TemporaryDirectory() as scratch,
    ):
        publication = Publication(run, Path(scratch) / "written", output)
        yield publication
        publication.publish()


def _require_writable(folder: Path) -> None:
    try:
        for one in (folder, folder / "tables"):
            one.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=one).close()
    except OSError as error:
        raise ContractError(
            f"tables cannot be written into {folder}: {cause(error)}; give another folder with --output"
        ) from error
