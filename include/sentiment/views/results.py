"""What a report holds; light, for the parts that only show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentiment.core.verb import VerbResult


@dataclass(frozen=True)
class DayRow:
    """A scored day: its reviews, the shares of positive ones and of those for a person, and the versions that scored.

    Shares are None on a day without reviews. `languages` counts the reviews by language, most first; those of which
    none can be told are in none of them.
    """

    day: str
    reviews: int
    positive_share: float | None
    needs_review_share: float | None
    model_version: str
    languages: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionRow:
    """A version with its figures on its test reviews; None is what one registered by hand, or without its run, lacks.

    Where a gate stands before the network, accuracy and macro F1 are those of both together: `gate_share` is what the
    gate answers of the test reviews, `gate_reviews` what it learnt from, `network_macro_f1` the network's without it,
    and `train_reviews` what the network learnt from.
    """

    version: int
    family: str | None
    accuracy: float | None
    macro_f1: float | None
    train_reviews: int | None
    test_reviews: int | None
    gate_share: float | None = None
    gate_reviews: int | None = None
    network_macro_f1: float | None = None


class ReportResult(VerbResult):
    """The champion beside its rivals, and a row a day for the last scored days.

    `compared` are the versions that were measured on the champion's test reviews, `measured_on_other_reviews` those
    whose figures cannot be held against them; `note` says which days bear another version's scores. The last two are
    there when there is something to say.
    """

    champion: int | None
    note: str | None = None
    days: tuple[DayRow, ...]
    compared: tuple[VersionRow, ...]
    measured_on_other_reviews: tuple[VersionRow, ...] | None = None
