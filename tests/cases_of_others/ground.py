"""The ground that cases stand on: a folder, a home with a champion in it, and the command line as a shell calls it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

if TYPE_CHECKING:
    from cases_of_others.platform import Platform

PROJECT = Path(__file__).resolve().parents[2]
DAY = "2024-05-05"
# Of the real reviews the newest: enough for a linear model that tells most labels, imported in half a minute.
_REVIEWS = 20_000
Row = dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """A program that ended: its exit code, what it printed, and what it said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def result(self) -> Row:
        """The result that `--json` printed; nothing of a verb that failed."""
        return json.loads(self.out.splitlines()[-1]) if self.code == 0 else {}

    @property
    def said(self) -> str:
        """The sentence with which it failed; without one, the end of what it printed."""
        sentences = [line for line in self.err.splitlines() if line.startswith("sentiment ")]
        return f"exit {self.code}: {' '.join(sentences) or (self.err or self.out)[-500:].strip()}"

    def refused(self, *words: str) -> bool:
        """Tell whether it failed with a sentence in which all the words are, and not with a traceback."""
        told = self.err.casefold()
        return self.code == 1 and "traceback" not in told and all(word.casefold() in told for word in words)

    def counts(self, *names: str) -> list[Any]:
        """Return some of the result's values; of a verb that failed, what it said in place of the first."""
        if self.code:
            return [self.said, *[None] * (len(names) - 1)]
        return [self.result.get(name) for name in names]


class Ground:
    """A temporary folder, in which every case has a room of its own."""

    def __init__(self, cases: Path, folder: Path) -> None:
        self.cases, self.folder, self.home = cases, folder, folder / "home"
        self._open = ExitStack()

    def close(self) -> None:
        """End what cases have started and left running for those after them."""
        self._open.close()

    def case(self, number: str) -> Path:
        """Return a case's folder."""
        (found,) = self.cases.glob(f"{number}-*")
        return found

    def room(self, number: str) -> Path:
        """Return where a case writes."""
        room = self.folder / number
        room.mkdir(exist_ok=True)
        return room

    def run(self, *words: object, **variables: object) -> Ended:
        """Call the command line to its end; `variables` are settings of its own, without SENTIMENT_."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "sentiment", *map(str, words)],
            env=self.environment(**variables),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def environment(self, **variables: object) -> dict[str, str]:
        """Return the variables of a shell in which the home is named and nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTIMENT_", "AIRFLOW"))}
        home = Path(str(variables.get("home", self.home)))
        settings = {
            "home": home,
            "mlflow_uri": f"sqlite:///{home}/mlflow/mlflow.db",
            "spark_memory": "1g",
            # Said, so that no .env of this checkout has a word in it.
            **dict.fromkeys(("landing", "lake", "products", "artifacts", "studies"), ""),
            **variables,
        }
        return {
            **kept,
            **{name if name.isupper() else f"SENTIMENT_{name.upper()}": str(value) for name, value in settings.items()},
            "PYTHONPATH": os.pathsep.join(str(PROJECT / name) for name in ("include", "plugins", "benchmarks")),
            "HF_HUB_OFFLINE": "1",
        }

    def ingest(self, landing: Path, lake: Path, *flags: str) -> Ended:
        """Ingest the one day that the cases are of."""
        return self.run("ingest", "--day", DAY, "--json", *flags, lake=lake, landing=landing)

    def load(self, source: Path, lake: Path) -> Ended:
        """Import a file as history."""
        return self.run("import-history", "--source", source, "--json", lake=lake)

    def predict(self, source: Path, output: Path) -> tuple[Ended, list[Row]]:
        """Score a file with the champion; return what the program said and the rows that it wrote."""
        output.unlink(missing_ok=True)
        done = self.run("predict", "--input", source, "--output", output, "--json", home=self.champion)
        return done, rows_of(output)

    @cached_property
    def champion(self) -> Path:
        """A home whose champion is a linear model, of real reviews where there are, of generated ones elsewhere."""
        source = self._reviews()
        for words in (["import-history", "--source", source], ["snapshot"]):
            done = self._required(*words)
        snapshot = done.result["snapshot"]
        trained = self._required("train", "--family", "linear", "--snapshot", snapshot)
        self._required("export", "--run-id", trained.result["run_id"])
        self._required("promote")
        return self.home

    @cached_property
    def platform(self) -> Platform:
        """A platform that runs until all cases are done."""
        from cases_of_others.platform import started

        return self._open.enter_context(started(self))

    def _required(self, *words: object) -> Ended:
        done = self.run(*words, "--json")
        if done.code:
            raise RuntimeError(f"no champion to try the cases with: {words[0]}: {done.said}")
        return done

    def _reviews(self) -> Path:
        real = self.cases.parent / "data" / "electronics" / "Electronics.jsonl.gz"
        if not real.exists():
            self._required("sample", "--output", self.folder / "reviews")
            return self.folder / "reviews" / "reviews.jsonl.gz"
        newest = self.folder / "reviews.jsonl"
        with gzip.open(real, "rt", encoding="utf-8") as lines:
            newest.write_text("".join(deque(lines, _REVIEWS)), encoding="utf-8")
        return newest


def rows_of(file: Path) -> list[Row]:
    """Return the rows of a prediction; a bare NaN in JSON is an error, and a file that is not there has none."""
    if not file.exists():
        return []
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    return [json.loads(line, parse_constant=_no_json) for line in file.read_text(encoding="utf-8").splitlines()]


def table(lake: Path, name: str) -> list[Row]:
    """Return the rows of a table of a lake; none where there is no table."""
    try:
        return DeltaTable(str(lake / name)).to_pyarrow_table().to_pylist()
    except TableNotFoundError:
        return []


def lines_of(file: Path) -> list[Row]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _no_json(word: str) -> None:
    raise ValueError(f"the output holds {word}, which is no JSON")
