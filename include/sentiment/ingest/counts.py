"""What is counted of a delivery, and the refusal of one that breaks off or is mostly bad."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812

from sentiment.core.errors import ContractError, UnavailableError
from sentiment.ingest.validate import OTHER_DAY
from sentiment.readers.jsons import ARRAY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_REMEDY = "mend the files, or raise max_bad_share if they are right"
# A larger share would lose those reviews: the file of their own day does not hold them.
_OF_OTHER_DAYS = (
    "cut the files of days at midnight UTC, or have import-history take them, which takes reviews of any day"
)


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

    def reject(self, lines: int, kind: str, file: str, first: tuple[int, str]) -> None:
        """Count lines of a file that were rejected for reasons of a kind, the first of which is given with its own."""
        self.reasons[kind] += lines
        self.bad[file] += lines
        self.first_bad[file] = min(self.first_bad.get(file, first), first)


def count(judged: DataFrame, names: Sequence[str], max_bad_share: float) -> Counts:
    """Count the judged lines of the files of these names.

    Raises UnavailableError for a file that cannot be read to its end, and ContractError for one that is refused, or a
    larger share of bad lines.
    """
    counts = Counts()
    of_file = F.when(F.coalesce("broken", "refused", "kind").isNotNull(), F.col("source_file"))
    groups = judged.groupBy("kind", "broken", "refused", "schema", "unit", of_file.alias("file"))
    cut, days, first = F.count_if("cut"), F.collect_set("review_date"), F.min("line")
    why = F.min_by("reason", "line")  # a kind does not say which day a review is of
    counted = {"lines": F.count("*"), "cut": cut, "days": days, "first": first, "why": why}
    found = groups.agg(*(value.alias(name) for name, value in counted.items()))
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
            counts.reject(row["lines"], row["kind"], row["file"], (row["first"], row["why"]))
    # 0.29 of 100 is a little under 29 as a float.
    if counts.rejected > max_bad_share * counts.read + 1e-6:
        raise ContractError(_too_many(counts, max_bad_share, names))
    return counts


def _too_many(counts: Counts, limit: float, names: Sequence[str]) -> str:
    # An array that is written over many lines is one mistake, and not as many as it has lines.
    worst = [(ARRAY, counts.reasons[ARRAY])] if ARRAY in counts.reasons else counts.reasons.most_common(3)
    of_other_days = worst[0][0] == OTHER_DAY
    file, bad = max(counts.bad.items(), key=lambda item: (item[1], item[0]))
    line, reason = counts.first_bad[file]
    among, most = (f"{len(names):,} files", f"most of them, {bad}, in {file}, ") if len(names) > 1 else (file, "")
    return (
        f"{counts.rejected} of {counts.read} lines in {among} are bad ({counts.rejected / counts.read:.0%}, "
        f"the limit is {limit:.0%}): {', '.join(f'{count} times {reason}' for reason, count in worst)}; {most}"
        f"the first in line {line:,}: {reason}. Nothing was written; {_OF_OTHER_DAYS if of_other_days else _REMEDY}"
    )
