"""Whatever happens to landing and lake, in whatever order: the tables are what a plain model in memory says.

Hypothesis draws sequences of deliveries, corrections, renamings, late reviews, scorings, restores, deletions by another
program, crashes at any commit, and two runs at once. 60 sequences take a minute; `make test-all` draws 200, and the
variable DRAWN_SEQUENCES says how many else.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import plain_jobs
from conftest import aged
from killed_lake import CrashedError, KilledLake
from sentiment.core.errors import ConcurrentWriteError
from sentiment.ingest.landing import Delivery, delivery_of_day, files_of_day, history
from sentiment.stores.lake.schemas import REVIEWS, SCORES
from sentiment.stores.lake.states import day_states
from sentiment.stores.lake.tables import Lake

pytestmark = pytest.mark.slow

FIRST = date(2024, 5, 5)
DAYS = [FIRST + timedelta(n) for n in range(4)]
TEXTS = ("a good thing to own for very many years", "a bad thing to own for very many years", "so so", "good and cheap")
FORMS = ("{}.jsonl", "{}.jsonl.gz", "{}/part-0001.jsonl", "{}/evening.jsonl.gz")
HISTORY = "history"
GONE = -1


@dataclass(frozen=True)
class Said:
    """A line: who says what of which product, and when; its moment is no other person's."""

    user: int
    product: int
    day: date
    hour: int
    text: str

    @property
    def moment(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, self.hour, 0, self.user, tzinfo=UTC)

    @property
    def line(self) -> str:
        names = {"user_id": f"U{self.user}", "parent_asin": f"P{self.product}", "asin": f"P{self.product}"}
        stamp = int(self.moment.timestamp() * 1000)
        return json.dumps({**names, "rating": 5, "title": "", "text": self.text, "timestamp": stamp})


SAID = st.builds(
    Said, st.integers(1, 3), st.integers(1, 2), st.sampled_from(DAYS), st.integers(1, 3), st.sampled_from(TEXTS)
)
LINES = st.lists(SAID, min_size=1, max_size=6)
LATE = st.sampled_from((60, 1))  # of how many days before it a day's file may hold reviews
CRASH = st.none() | st.tuples(st.integers(1, 2), st.booleans())  # at which commit; before it or after it
Held = dict[str, tuple[Said, ...]]  # what the lake holds of each delivery
Standing = dict[Said, set[tuple[str, Said]]]  # a line that stands, and all that it stands for


def standing(held: Held, day: date) -> Standing:
    """What a day's reviews are: of a user's on a product the newest, and of equal long texts on it the oldest."""
    of_users: dict[tuple[int, int], list[tuple[str, Said]]] = {}
    for delivery, lines in held.items():
        for said in lines:
            if said.day == day:
                of_users.setdefault((said.product, said.user), []).append((delivery, said))
    newest = {}
    for group in of_users.values():
        chosen = max(group, key=lambda one: (one[1].moment, one[0] != HISTORY, one[0], one[1].text))[1]
        newest[chosen] = set(group)
    found: Standing = {}
    for said in sorted(newest, key=lambda one: one.moment):
        alike = (one for one in found if (one.product, one.text) == (said.product, said.text))
        same = next(alike, None) if len(said.text.split()) >= 8 else None
        found.setdefault(same or said, set()).update(newest[said])
    return found


def lake_of(lake: Lake, crash: tuple[int, bool] | None) -> Lake:
    """Return the lake as a process sees it that is killed, or is not."""
    return KilledLake(lake.root, crash) if crash else lake


class AnyOrder(RuleBasedStateMachine):
    """Landing and lake, and beside them what they must be."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(prefix="any-order"))
        self.lake = Lake(str(self.home / "lake"))
        self.landing = str(self.home / "landing")
        self.held: Held = {}
        self.written: dict[date, int] = {}  # the days that the lake holds, with a number for each writing of them
        self.writings = 0
        self.scored: dict[date, tuple[int, dict[str, str]]] = {}  # of which writing, and the label of each review
        self.kept: dict[int, tuple[Held, dict[date, int]]] = {}  # by version of the table
        self.landed: dict[str, list[Said]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.home)

    @initialize(lines=LINES, later=LINES)
    def begin(self, lines: list[Said], later: list[Said]) -> None:
        """A history and a day are there already, and scored."""
        self.lake.grown(REVIEWS)
        self._remember()
        self.import_history(lines, None)
        self.deliver(DAYS[-1], later, FORMS[0], None)
        self.score(set(DAYS), None)

    @rule(day=st.sampled_from(DAYS), lines=LINES | st.just([]), form=st.sampled_from(FORMS), crash=CRASH, late=LATE)
    def deliver(self, day: date, lines: list[Said], form: str, crash: tuple[int, bool] | None, late: int = 60) -> None:
        """A day's file comes, is corrected, or comes under another name, and is ingested."""
        self._clear(day)
        self._land(form.format(day), lines)
        self._ingest(self._delivery(day), day, crash, late)

    @rule(data=st.data(), crash=CRASH, late=LATE)
    def ingest_again(self, data: st.DataObject, crash: tuple[int, bool] | None, late: int) -> None:
        """As after a crash, or because somebody clears the run."""
        day = data.draw(st.sampled_from(self._landed_days()))
        self._ingest(self._delivery(day), day, crash, late)

    @rule(lines=LINES, crash=CRASH)
    def import_history(self, lines: list[Said], crash: tuple[int, bool] | None) -> None:
        self._land("../history.jsonl", lines)
        self._ingest(history(str(self.home / "history.jsonl"), self.landing), None, crash)

    @rule(data=st.data())
    def two_at_once(self, data: st.DataObject) -> None:
        """A run that began before another one was done does not undo it."""
        day, other = (data.draw(st.sampled_from(self._landed_days())) for _ in range(2))
        bases = plain_jobs.bases_of(self.lake)
        before = self.lake.open(REVIEWS).version()
        self._ingest(self._delivery(other), other, None)
        written = self._days_written(before)
        try:
            touched = plain_jobs.ingest(self.lake, self._delivery(day), day, bases)
        except ConcurrentWriteError:
            return
        assert not touched & written
        assert day != other
        self._now_holds(self._delivery(day), day, touched)

    @rule(days=st.sets(st.sampled_from(DAYS), min_size=1), crash=CRASH)
    def score(self, days: set[date], crash: tuple[int, bool] | None) -> None:
        """Score days that are there, and by the way those that changed."""
        states = day_states(self.lake, DAYS)
        due = sorted({day for day in days if day in self.written} | {day for day in DAYS if states[day] == "stale"})
        if not due:
            return
        try:
            plain_jobs.score(lake_of(self.lake, crash), due)
            done = due
        except CrashedError:
            # Two commits for all of them, of which the second makes them scored.
            done = due if crash == (2, True) else []
        for day in done:
            self._now_scored(day)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data())
    def another_program_deletes(self, data: st.DataObject) -> None:
        said = data.draw(st.sampled_from(sorted({one for lines in self.held.values() for one in lines}, key=str)))
        user, day = said.user, said.day
        found = standing(self.held, day)
        gone = {one for said, of in found.items() if said.user == user for one in of}
        DeltaTable(self.lake.uri(REVIEWS)).delete(f"user_id = 'U{user}' AND review_date = DATE '{day}'")
        if not gone:
            return
        self.held = {
            name: tuple(said for said in lines if (name, said) not in gone) for name, lines in self.held.items()
        }
        self._wrote({day})
        if gone == set().union(*found.values()):
            del self.written[day]  # no file of it is left
        self._remember()

    @precondition(lambda self: len(self.kept) > 1)
    @rule(data=st.data())
    def another_program_restores(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(self.kept)[:-1]))
        DeltaTable(self.lake.uri(REVIEWS)).restore(version)
        held, written = self.kept[version]
        self.held, self.written = dict(held), dict(written)
        self._remember()

    @invariant()
    def the_tables_are_what_the_model_says(self) -> None:
        found: dict[date, set[tuple[str, str, str]]] = {day: set() for day in DAYS}
        rows = self.lake.read(REVIEWS).to_pylist()
        for row in rows:
            found[row["review_date"]].add((row["user_id"], row["parent_asin"], row["text"]))
        assert len(rows) == sum(map(len, found.values()))
        for day in DAYS:
            wanted = standing(self.held, day)
            assert found[day] == {(f"U{said.user}", f"P{said.product}", said.text) for said in wanted}

    @invariant()
    def the_scores_are_of_the_reviews_that_were_scored(self) -> None:
        found: dict[date, dict[str, str]] = {}
        for row in self.lake.read(SCORES, None, ["review_key", "label", "review_date"]).to_pylist():
            found.setdefault(row["review_date"], {})[row["review_key"]] = row["label"]
        assert found == {day: labels for day, (_, labels) in self.scored.items() if labels}

    @invariant()
    def every_day_says_where_it_stands(self) -> None:
        for day, state in day_states(self.lake, DAYS).items():
            writing, of = self.written.get(day), self.scored.get(day, (None,))[0]
            if writing is None:
                assert state == ("missing" if of in {None, GONE} else "stale")
            elif of is None:
                assert state == "ingested"
            else:
                assert state == ("scored" if of == writing else "stale")

    def _ingest(self, delivery: Delivery, day: date | None, crash: tuple[int, bool] | None, late: int = 60) -> None:
        try:
            touched = plain_jobs.ingest(lake_of(self.lake, crash), delivery, day, late_days=late)
        except CrashedError:
            if crash != (2, True):
                return
            touched = None
        self._now_holds(delivery, day, touched, late)

    def _now_holds(self, delivery: Delivery, day: date | None, touched: Iterable[date] | None, late: int = 60) -> None:
        name = str(day) if day else HISTORY
        lines = tuple(said for said in self._lines(delivery) if day is None or day - timedelta(late) <= said.day <= day)
        expected = {said.day for said in (*lines, *self.held.get(name, ()))} | ({day} if day else set())
        assert touched is None or set(touched) == expected
        self.held[name] = lines
        self._wrote(expected)
        self._remember()

    def _wrote(self, days: Iterable[date]) -> None:
        for day in days:
            self.writings += 1
            self.written[day] = self.writings

    def _now_scored(self, day: date) -> None:
        if day not in self.written:
            # Its scores are gone; should the day come back, it is one whose reviews changed.
            if day in self.scored:
                self.scored[day] = (GONE, {})
            return
        keys = {
            (row["user_id"], row["parent_asin"]): row["review_key"]
            for row in self.lake.read(REVIEWS, (day, day), ["user_id", "parent_asin", "review_key"]).to_pylist()
        }
        labels = {
            keys[f"U{said.user}", f"P{said.product}"]: "positive" if "good" in said.text else "negative"
            for said in standing(self.held, day)
        }
        self.scored[day] = (self.written[day], labels)

    def _days_written(self, since: int) -> set[date]:
        before, now = self.lake.content(REVIEWS, since), self.lake.content(REVIEWS)
        return {day for day in now if before.get(day) != now[day]}

    def _remember(self) -> None:
        self.kept[self.lake.open(REVIEWS).version()] = (dict(self.held), dict(self.written))

    def _delivery(self, day: date) -> Delivery:
        return delivery_of_day(self.landing, day, files_of_day(self.landing, day))

    def _lines(self, delivery: Delivery) -> list[Said]:
        return [said for file in delivery.files for said in self.landed[file.uri]]

    def _land(self, name: str, lines: list[Said]) -> None:
        path = (Path(self.landing) / name).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(said.line + "\n" for said in lines).encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        aged(path)
        self.landed[str(path)] = lines

    def _landed_days(self) -> list[date]:
        return [day for day in DAYS if files_of_day(self.landing, day)]

    def _clear(self, day: date) -> None:
        for file in files_of_day(self.landing, day):
            Path(file.uri).unlink()


AnyOrder.TestCase.settings = settings(
    max_examples=int(os.environ.get("DRAWN_SEQUENCES", "60")),
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrder = AnyOrder.TestCase
