"""What the configurations of all verbs share, and the kinds of values that they hold."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic.types import JsonValue

from sentiment.core.names import CHAMPION

# The closed sections of a form and of a verb's help: a field that names none is one of the few that people change.
Section = dict[str, JsonValue]

DATA: Section = {"section": "Data"}
TEXT: Section = {"section": "Text cleaning"}
MODEL: Section = {"section": "Network"}
ENCODERS: Section = {"section": "Encoders (encoder, lora)"}
ADAPTERS: Section = {"section": "Adapters (lora)"}
RECURRENT: Section = {"section": "Recurrent networks (bilstm, lstm, gru)"}
LINEAR: Section = {"section": "Linear model (linear)"}
LESSONS: Section = {"section": "What is learnt from"}
OPTIMISER: Section = {"section": "Optimiser"}
RARE_CLASS: Section = {"section": "Rare class"}
TEACHING: Section = {"section": "Teaching"}
SEARCH: Section = {"section": "Search ranges"}
EXPORT: Section = {"section": "Export"}
PROMOTION: Section = {"section": "Promotion rules"}
EXPERTS: Section = {"section": "For experts"}

Share = Annotated[float, Field(ge=0, le=1)]

# What Linux takes as a path; a text of 128 KiB would be too long for the command line of Spark's driver.
LONGEST_PLACE = 4096

# The oldest review of Amazon is of 1996; a range from the year 1 to 9999 would be looked through for days.
EARLIEST_DAY, LATEST_DAY = date(1995, 1, 1), date(2099, 12, 31)
# How far back from a day anybody may look: further than the oldest review, and not before the calendar.
MOST_DAYS = 50_000


def _no_number(value: object) -> object:
    # Pydantic reads a number as seconds since 1970: 0, and 20240505 as well.
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+(\.\d*)?\s*", value)):
        raise ValueError("a number is no day; write it as 2024-05-31")
    return value


def _day_of_reviews(value: date) -> date:
    if not EARLIEST_DAY <= value <= LATEST_DAY:
        raise ValueError(f"no review is of {value}; days go from {EARLIEST_DAY} to {LATEST_DAY}")
    return value


Day = Annotated[date, BeforeValidator(_no_number), AfterValidator(_day_of_reviews)]


# A version; what one task hands to the next has the content of its bundle too.
_VERSION = re.compile(r"[1-9][0-9]*(@[0-9a-f]{16})?")


def _model_reference(value: str) -> str:
    if value in {CHAMPION, "champion_at_date"} or _VERSION.fullmatch(value):
        return value
    raise ValueError(f"model is {value!r}; give 'champion', 'champion_at_date' or a version number such as 3")


ModelReference = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_model_reference)]


class VerbConfig(BaseModel):
    """What every verb's configuration shares: it is frozen, and what it does not know, or is infinite, is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OneDay(VerbConfig):
    """A day."""

    day: Day = Field(
        description="Fill in when you trigger by hand: the Logical Date above is the present moment. Leave empty in "
        "a backfill.",
        title="Day (UTC)",
    )


class DayRange(VerbConfig):
    """A closed range of days."""

    from_day: Day = Field(description="First day.", title="From (UTC)")
    to_day: Day | None = Field(
        None, description="Last day, included; the first day alone when empty.", title="To (UTC)"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_day > self.last_day:
            raise ValueError(f"from_day {self.from_day} lies after to_day {self.to_day}; swap them")
        return self

    @property
    def last_day(self) -> date:
        """The last day, included."""
        return self.to_day or self.from_day

    def every_day(self) -> list[date]:
        """Return its days, in order."""
        return [self.from_day + timedelta(n) for n in range((self.last_day - self.from_day).days + 1)]
