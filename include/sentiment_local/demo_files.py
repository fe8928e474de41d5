"""Makes of a file of reviews what the demo works on: a history, and the last days as files of a landing.

Each row is a line there, under the lake's own names and with its values as they are, so that ingestion judges it as it
would judge the file itself. What cannot be read is a line of the history too, and is rejected and counted there.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError, RejectedError
from sentiment.core.plain_json import plain_json
from sentiment.core.progress import OnProgress
from sentiment.ingest.landing import Delivery, history
from sentiment.ingest.lines import LandedFile, lines_of_reviews
from sentiment.ingest.validate import parse
from sentiment.readers.config import ReviewOptions
from sentiment.readers.jsons import object_of
from sentiment.readers.schemas import OURS, SCHEMAS, ColumnMapping
from sentiment.readers.told import OPTIONS
from sentiment_local.config import DemoConfig
from sentiment_local.sample.files import write_lines

HISTORY, DAILY = "history.jsonl.gz", "daily"
# What the layout was made of, so that the same is not made twice.
MADE_OF = "_made_of.json"
# A line and its day, None for one that is no review.
_Dated = tuple[date | None, str]


def lay_out(source: Path, folder: Path, config: DemoConfig, now: datetime, on_progress: OnProgress) -> None:
    """Write HISTORY and DAILY into `folder`, unless they are there and were made of the same; says what was done.

    The last days are those before the day of `now`; what is of that day gets its file beside theirs.
    Raises ContractError for what cannot be read, for a file with no more days than are scored, and for a folder that
    was not made here.
    """
    delivery = history(str(source), "", config)
    made_of = _made_of(delivery, config.days)
    if (folder / MADE_OF).is_file() and (folder / MADE_OF).read_text() == made_of:
        return
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists() and not (folder / MADE_OF).is_file():
        raise ContractError(f"{folder} holds other reviews; give the demo of {source} a SENTIMENT_HOME of its own")
    with replacing(folder) as aside:
        split, mappings = _Split(config.days, now.date()), set[str | None]()
        write_lines(aside / HISTORY, split.earlier(_dated(delivery, now, mappings, on_progress)))
        days = split.every_day()
        if not split.reviews:
            raise ContractError(_too_few(source, days, split.most_days()))
        for day in days:
            write_lines(aside / DAILY / f"{day}.jsonl.gz", split.late.get(day, []))
        if mappings - {None}:
            _tell_columns(aside, delivery.options[0])
        (aside / MADE_OF).write_text(made_of)
    late = sum(map(len, split.late.values()))
    on_progress(
        f"laid out {source.name}: {split.reviews:,} reviews before {days[0]} are the history, {late:,} from then to "
        f"{days[-1]} the files of {len(days)} days"
    )


class _Split:
    """Parts dated lines: the last `count` days are kept back, as `late`, and what lies before is given on.

    They are counted back from yesterday at the latest: `today` has not ended, and is kept back beside them.
    """

    def __init__(self, count: int, today: date) -> None:
        self._count, self._yesterday = count, today - timedelta(1)
        self._last = date.min
        self.late: dict[date, list[str]] = {}
        self.reviews = 0

    def earlier(self, lines: Iterable[_Dated]) -> Iterator[str]:
        """Give the lines of the history, and those of no day, in whatever order the days come."""
        for day, line in lines:
            if day is None:
                yield line
                continue
            self._last = max(min(day, self._yesterday), self._last)
            self.late.setdefault(day, []).append(line)
            for past in [one for one in self.late if (self._last - one).days >= self._count]:
                self.reviews += len(self.late[past])
                yield from self.late.pop(past)

    def every_day(self) -> list[date]:
        """Return the days that are kept back, those without a review as well; none where there is no review."""
        if not self.late:
            return []
        ended = [self._last - timedelta(back) for back in reversed(range(self._count))]
        return ended + sorted(day for day in self.late if day > self._last)

    def most_days(self) -> int:
        """Return how many last days leave a review before them, where none was given on; 0 where no number does."""
        return max(0, (self._last - min(self.late)).days) if self.late else 0


def _dated(delivery: Delivery, now: datetime, mappings: set[str | None], on_progress: OnProgress) -> Iterator[_Dated]:
    """Give the lines of all files; `mappings` takes how their columns are read."""
    number = 0
    for file, options in zip(delivery.files, delivery.options, strict=True):
        landed = LandedFile(file.uri, file.uri, options.model_dump_json(exclude_defaults=True))
        for batch in lines_of_reviews(landed):
            mappings.update(batch["mapping"].unique().to_pylist())
            yield from (_line(row, now) for row in batch.to_pylist())
            number += batch.num_rows
            on_progress("laying out reviews", number, 0)


def _line(row: dict[str, Any], now: datetime) -> _Dated:
    if row["refused"]:
        raise ContractError(row["refused"])
    if row["broken"]:
        raise ContractError(f"{row['source_file']} cannot be read to its end: {row['broken']}; replace the file")
    if row["fault"]:
        return None, json.dumps(f"{row['fault']}: {row['raw']}")
    mapping = ColumnMapping.parsed(row["mapping"]) if row["mapping"] else None
    try:
        line = plain_json(mapping.ours(object_of(row["raw"]))) if mapping else row["raw"]
    except RejectedError:
        return None, row["raw"]
    try:
        return parse(row["raw"], now, mapping).timestamp.date(), line
    except RejectedError:
        return None, line


def _tell_columns(folder: Path, options: ReviewOptions) -> None:
    """Say of the history and of the days how their lines are read."""
    columns = {role: names[0] for role, names in SCHEMAS[OURS].items()}
    told = json.dumps({"columns": columns, "stars": options.stars, "product": options.product})
    for place in (folder, folder / DAILY):
        (place / OPTIONS).write_text(told)


def _made_of(delivery: Delivery, days: int) -> str:
    files = [[file.uri, file.size, file.modified] for file in delivery.files]
    return json.dumps([files, [options.model_dump() for options in delivery.options], days])


def _too_few(source: Path, days: list[date], most: int) -> str:
    if not days:
        return f"{source} holds no review that can be read; `sentiment inspect {source}` shows why"
    if not most:
        return (
            f"{source} holds too few days: reviews of at least two that have ended (UTC) are needed, of one to learn "
            "from and of one to score"
        )
    return (
        f"{source} holds no review before {days[0]}, and the models learn from those; keep fewer days back: "
        f".venv/bin/sentiment demo --reviews {shlex.quote(str(source))} --days {most}"
    )
