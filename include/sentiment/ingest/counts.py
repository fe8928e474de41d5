"""What is counted of a delivery, and the refusal of one that breaks off or is mostly bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.readers.jsons import ARRAY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass
class Counts:
    """What was read of a delivery: its lines, why some were rejected, and the days, schemas and units of time.

    By file: how many of its lines are bad, and the first of those with its reason.
    """

    read: int = 0
    cut: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    first_bad: dict[str, tuple[int, str]] = field(default_factory=dict)
    days: set[date] = field(default_factory=set)
    schemas: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)

    @property
    def rejected(self) -> int:
        """How many lines were rejected."""
        return self.reasons.total()

    def reject(self, lines: int, reason: str, file: str, first: int) -> None:
        """Count lines of a file that were rejected for a reason, the first of which is named."""
        self.reasons[reason] += lines
        self.bad[file] += lines
        self.first_bad[file] = min(self.first_bad.get(file, (first, reason)), (first, reason))


def count(judged: DataFrame, names: Sequence[str], max_bad_share: float) -> Counts:
    """Count the judged lines of the files of these names.

    Raises UnavailableError for a file that cannot be read to its end, and ContractError for one that is refused, or a
    larger share of bad lines.
    """
    counts = Counts()
    of_file = F.when(F.coalesce("broken", "refused", "kind").isNotNull(), F.col("source_file"))
    groups = judged.groupBy("kind", "broken", "refused", "schema", "unit", of_file.alias("file"))
    cut, days, first = F.count_if("cut"), F.collect_set("review_date"), F.min("line")
    found = groups.agg(F.count("*").alias("lines"), cut.alias("cut"), days.alias("days"), first.alias("first"))
    for row in found.collect():
        if row["broken"]:
            raise UnavailableError(
                f"{row['file']} cannot be read to its end: {row['broken']}. Nothing was written; deliver the file again"
            )
        if row["refused"]:
            raise ContractError(f"{row['refused']}. Nothing was written")
        counts.read += row["lines"]
        for those, value in ((counts.schemas, row["schema"]), (counts.times, row["unit"])):
            if value:
                those[value] += row["lines"]
        counts.cut += row["cut"]
        counts.days |= set(row["days"])
        if row["kind"]:
            counts.reject(row["lines"], row["kind"], row["file"], row["first"])
    # 0.29 of 100 is a little under 29 as a float.
    if counts.rejected > max_bad_share * counts.read + 1e-6:
        raise ContractError(_too_many(counts, max_bad_share, names))
    return counts


def _too_many(counts: Counts, limit: float, names: Sequence[str]) -> str:
    # An array that is written over many lines is one mistake, and not as many as it has lines.
    worst = [(ARRAY, counts.reasons[ARRAY])] if ARRAY in counts.reasons else counts.reasons.most_common(3)
    file, bad = max(counts.bad.items(), key=lambda item: (item[1], item[0]))
    line, reason = counts.first_bad[file]
    among, most = (f"{len(names):,} files", f"most of them, {bad}, in {file}, ") if len(names) > 1 else (file, "")
    return (
        f"{counts.rejected} of {counts.read} lines in {among} are bad ({counts.rejected / counts.read:.0%}, "
        f"the limit is {limit:.0%}): {', '.join(f'{count} times {reason}' for reason, count in worst)}; {most}"
        f"the first in line {line:,}: {reason}. Nothing was written; "
        "mend the files, or raise max_bad_share if they are right"
    )
