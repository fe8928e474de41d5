"""Reviews of which no user is known: how many of them there are, whichever way they come in."""

from datetime import date, timedelta
from pathlib import Path

import pytest

import plain_jobs
from conftest import aged
from sentiment.ingest.landing import delivery_of_day, files_of_day, history
from sentiment.stores.lake.schemas import REVIEWS
from sentiment.stores.lake.tables import Lake

DAY = date(2024, 5, 5)
KEYS = ["54a90f6b8d30544f56a4933e78f217bf", "9e307e23210a33b7aa04c17e7aa981bd"]
LONG = "it works very well for me every single day"
ALIKE = [("Good", 5, "B1")] * 20 + [("Good", 1, "B1"), ("ok", 2, "B1"), ("ok", 5, "B1"), ("Good", 5, "B2")]


@pytest.fixture
def lake(home) -> Lake:
    return Lake(str(home / "lake"))


def write(path: Path, rows, moment: str) -> None:
    lines = [f"{text},{stars},{product},{moment}" for text, stars, product in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["text,rating,asin,timestamp", *lines, ""]))
    aged(path)


def ingest(lake: Lake, home: Path) -> None:
    landing = str(home / "landing")
    plain_jobs.ingest(lake, delivery_of_day(landing, DAY, files_of_day(landing, DAY)), DAY)


def held(lake: Lake) -> list[tuple[str, float, str]]:
    rows = lake.read(REVIEWS).to_pylist()
    assert len({row["review_key"] for row in rows}) == len(rows)
    return sorted((row["text"], row["rating"], row["parent_asin"]) for row in rows)


@pytest.mark.parametrize(
    "moment", ["", "T00:00:00+02:00", "T00:00:00-07:00", "T00:00:00+05:45", "T10:11", "T10:11:00", " 10:11:00.000 UTC"]
)
def test_as_many_as_wrote_alike_on_a_day_or_in_a_minute_are_as_many_reviews(home, lake, moment):
    day = DAY + timedelta("00+" in moment)  # a midnight east of Greenwich is of the day before
    write(home / "landing" / f"{DAY}.csv", ALIKE, f"{day}{moment}")
    ingest(lake, home)
    assert held(lake) == sorted(ALIKE)
    ingest(lake, home)
    assert held(lake) == sorted(ALIKE)
    # One of them less, and it is one that goes.
    write(home / "landing" / f"{DAY}.csv", ALIKE[1:], f"{day}{moment}")
    ingest(lake, home)
    assert held(lake) == sorted(ALIKE[1:])


def test_reviews_of_a_date_keep_the_keys_that_they_had(home, lake):
    write(home / "landing" / f"{DAY}.csv", [("Good", 5, "B1")] * 2, str(DAY))
    ingest(lake, home)
    assert sorted(row["review_key"] for row in lake.read(REVIEWS).to_pylist()) == KEYS


@pytest.mark.parametrize("history_first", [True, False])
def test_the_same_reviews_of_a_history_and_of_a_days_file_are_not_twice_as_many(home, lake, history_first):
    write(home / "landing" / f"{DAY}.csv", ALIKE, str(DAY))
    write(home / "history" / "all.csv", [*ALIKE[5:], ("Bad", 1, "B1")], str(DAY))
    steps = [
        lambda: plain_jobs.ingest(lake, history(str(home / "history"), str(home / "landing")), None),
        lambda: ingest(lake, home),
    ]
    for step in steps if history_first else steps[::-1]:
        step()
    assert held(lake) == sorted([*ALIKE, ("Bad", 1, "B1")])


@pytest.mark.parametrize("seconds", ["10:11:12", "10:11:00.5", "00:00:01"])
def test_a_time_to_the_second_and_eight_words_tell_a_copy(home, lake, seconds):
    write(home / "landing" / f"{DAY}.csv", ALIKE[:20], f"{DAY}T{seconds}")
    ingest(lake, home)
    assert held(lake) == [("Good", 5, "B1")]
    write(home / "landing" / f"{DAY}.csv", [(LONG, 5, "B1"), (LONG, 5, "B1"), (LONG, 4, "B1")], str(DAY))
    ingest(lake, home)
    assert [text for text, _, _ in held(lake)] == [LONG]
