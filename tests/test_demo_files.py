"""One file of reviews is laid out as a history and the days after it, and ingestion judges each row as in the file."""

from __future__ import annotations

import csv
import gzip
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import ValidationError

from contexts import a_context
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment.ingest.config import InspectConfig, InspectResult
from sentiment.ingest.inspection import inspect_file
from sentiment_local import demo, platform
from sentiment_local.config import DemoConfig
from sentiment_local.demo_files import DAILY, HISTORY, lay_out
from sentiment_local.demo_home import landed_days, review_history

LAST = date(2024, 6, 20)
NOW = datetime(2024, 7, 1, tzinfo=UTC)
DAYS = 3


def review(back: int, number: int = 0) -> dict[str, str]:
    """Return a review of another program, so many days before the last."""
    at = f"{LAST - timedelta(back)} 10:0{number}:00"
    return {"Comment": f"It works well {number}", "Points": "7", "When": at, "Product": "007"}


# Two reviews a day for ten days, the last first, and none on the second of the last three days.
GIVEN = [review(back, number) for back in range(10) if back != 1 for number in (0, 1)]
TOLD = {"columns": ("text=comment", "rating=Points", "timestamp=When"), "stars": 10}


def csv_of(path: Path, rows: list[dict[str, str]], more: str = "") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        file.write(more)
    return path


def laid(source: Path, folder: Path, **options: Any) -> list[str]:
    told: list[str] = []
    lay_out(source, folder, DemoConfig(reviews=source, days=DAYS, **options), NOW, lambda step, *_: told.append(step))
    return told


def inspected(file: Path, **options: Any) -> InspectResult:
    return inspect_file(InspectConfig(file=str(file), **options), a_context(now=NOW))


def test_the_last_days_of_a_file_become_daily_files_and_the_rest_the_history(tmp_path):
    told = laid(csv_of(tmp_path / "in.csv", GIVEN), tmp_path / "reviews", **TOLD, product="X")
    days = sorted((tmp_path / "reviews" / DAILY).glob("2*"))
    assert [path.name for path in days] == ["2024-06-18.jsonl.gz", "2024-06-19.jsonl.gz", "2024-06-20.jsonl.gz"]
    assert [inspected(path).reviews for path in (*days, tmp_path / "reviews" / HISTORY)] == [2, 0, 2, 14]
    assert told[-1] == (
        "laid out in.csv: 14 reviews before 2024-06-18 are the history, 4 from then to 2024-06-20 the files of 3 days"
    )


def test_a_day_that_has_not_ended_is_none_of_the_last_days_and_gets_its_file(tmp_path):
    source, told = csv_of(tmp_path / "in.csv", GIVEN), []
    config = DemoConfig(reviews=source, days=DAYS, product="X", **TOLD)
    now = datetime(2024, 6, 20, 12, tzinfo=UTC)
    lay_out(source, tmp_path / "reviews", config, now, lambda step, *_: told.append(step))
    days = sorted((tmp_path / "reviews" / DAILY).glob("2*"))
    assert [path.name[8:10] for path in days] == ["17", "18", "19", "20"]
    assert [inspected(path).reviews for path in (*days, tmp_path / "reviews" / HISTORY)] == [2, 2, 0, 2, 12]
    assert "12 reviews before 2024-06-17 are the history" in told[-1]


def test_ratings_times_and_ids_are_those_that_the_file_itself_gives(tmp_path):
    source = csv_of(tmp_path / "in.csv", GIVEN)
    laid(source, tmp_path / "reviews", **{**TOLD, "columns": (*TOLD["columns"], "product=Product")})
    (of_file, *_) = inspected(source, **{**TOLD, "columns": (*TOLD["columns"], "product=Product")}).first_rows
    (of_day, *_) = inspected(tmp_path / "reviews" / DAILY / f"{LAST}.jsonl.gz").first_rows
    assert of_day.model_dump(exclude={"line"}) == of_file.model_dump(exclude={"line"})
    assert (of_day.rating, of_day.product) == ("4.0", "007")


def test_what_is_no_review_stays_in_the_history_to_be_rejected_and_counted(tmp_path):
    source = csv_of(tmp_path / "in.csv", GIVEN, 'fine,never,2024-06-20,007\n"not closed,7,2024-06-20,007\n')
    laid(source, tmp_path / "reviews", **TOLD, product="X")
    of_history = inspected(tmp_path / "reviews" / HISTORY)
    assert (of_history.reviews, of_history.rejected) == (14, 2)
    assert "rating is not a number" in of_history.reasons
    assert any("the quotes of the row do not close" in row.row for row in of_history.first_rejected)


def test_lines_in_our_own_names_are_laid_out_as_they_stand(tmp_path):
    line = '{{"rating": 5.0, "text": "good", "timestamp": {}, "asin": "B0", "more": [1]}}'
    moments = [datetime(2024, 6, day, tzinfo=UTC).timestamp() for day in range(1, 11)]
    lines = [line.format(round(moment * 1000)) for moment in moments]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    laid(tmp_path / "in.jsonl", tmp_path / "reviews")
    with gzip.open(tmp_path / "reviews" / HISTORY, "rt") as history:
        assert history.read().splitlines() == lines[:7]
    assert not (tmp_path / "reviews" / "_columns.json").exists()


def test_a_folder_of_spark_is_laid_out_too(tmp_path):
    rows = [{"reviewText": "good", "overall": 5.0, "unixReviewTime": 1_718_000_000 + 86_400 * n} for n in range(6)]
    for part in (0, 1):
        (tmp_path / "spark" / f"asin=00{part}").mkdir(parents=True)
        parquet.write_table(
            pa.Table.from_pylist(rows[part::2]), tmp_path / "spark" / f"asin=00{part}" / "part-0.parquet"
        )
    laid(tmp_path / "spark", tmp_path / "reviews")
    of_history = inspected(tmp_path / "reviews" / HISTORY)
    assert (of_history.reviews, of_history.rejected) == (3, 0)
    assert {row.product for row in of_history.first_rows} == {"000", "001"}


def test_called_again_it_makes_nothing_anew_unless_the_file_or_the_question_is_another(tmp_path):
    source, folder = csv_of(tmp_path / "in.csv", GIVEN), tmp_path / "reviews"
    assert laid(source, folder, **TOLD, product="X")
    assert laid(source, folder, **TOLD, product="X") == []
    assert laid(source, folder, **TOLD, product="Y")
    csv_of(source, GIVEN[:-1])
    assert laid(source, folder, **TOLD, product="Y")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (GIVEN[:4], r"no review before 2024-06-18, .*: .venv/bin/sentiment demo --reviews '.*/in .csv' --days 2$"),
        (GIVEN[:2], "holds too few days: reviews of at least two that have ended"),
        ([{**GIVEN[0], "When": "soon"}], "holds no review that can be read; `sentiment inspect"),
    ],
)
def test_a_file_without_a_history_is_refused_and_nothing_is_made(tmp_path, rows, sentence):
    with pytest.raises(ContractError, match=sentence):
        laid(csv_of(tmp_path / "in .csv", rows), tmp_path / "reviews", **TOLD, product="X")
    assert [path.name for path in tmp_path.iterdir()] == ["in .csv"]


@pytest.mark.parametrize("span", range(1, DAYS + 2))
def test_the_number_of_days_that_is_said_where_too_many_were_asked_for_is_the_most_that_works(tmp_path, span):
    source = csv_of(tmp_path / "in.csv", [review(back) for back in range(span + 1)])

    def asked(days: int, now: datetime = NOW) -> int | None:
        """Return what the sentence says of a question that is refused, 0 where none would do."""
        try:
            lay_out(source, tmp_path / str(days), DemoConfig(days=days, product="X", **TOLD), now, lambda *_: None)
        except ContractError as error:
            return int(re.search(r"--days (\d+)$|$", str(error))[1] or 0)
        return None

    assert [asked(days) for days in (span, span + 1, span + 2)] == [None, span, span]
    assert asked(span + 1, datetime(2024, 6, 20, 12, tzinfo=UTC)) == span - 1  # the last day has not ended


def test_what_lacks_a_column_or_breaks_off_is_refused(tmp_path):
    with pytest.raises(ContractError, match="no column is known to be the text, the stars, the time, the product"):
        laid(csv_of(tmp_path / "in.csv", [{"a": "b", "c": "d"}]), tmp_path / "reviews")
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress(b'{"text": "good"}\n' * 99)[:-9])
    with pytest.raises(ContractError, match=r"in\.jsonl\.gz cannot be read to its end"):
        laid(tmp_path / "in.jsonl.gz", tmp_path / "reviews")


def test_reviews_that_were_not_laid_out_are_never_written_over(tmp_path):
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "mine.jsonl").touch()
    with pytest.raises(ContractError, match=r"holds other reviews; give the demo of .* a SENTIMENT_HOME of its own"):
        laid(csv_of(tmp_path / "in.csv", GIVEN), tmp_path / "reviews", **TOLD, product="X")
    assert (tmp_path / "reviews" / "mine.jsonl").exists()


def prepared(home: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Settings:
    monkeypatch.setattr(demo, "status", lambda settings: platform)
    monkeypatch.setattr(platform, "started", True, raising=False)
    config = DemoConfig(days=DAYS, **options)
    return demo._prepared(config, a_context(Settings(home=home), now=NOW))


def test_the_demo_of_a_file_finds_its_history_and_its_days(tmp_path, monkeypatch):
    source = csv_of(tmp_path / "in.csv", GIVEN)
    settings = prepared(tmp_path / "home", monkeypatch, reviews=source, product="X", **TOLD)
    assert landed_days(settings, NOW.date()) == [date(2024, 6, 18), date(2024, 6, 19), LAST]
    assert review_history(settings) == str(tmp_path / "home" / "reviews" / HISTORY)
    assert (tmp_path / "home" / "source").resolve() == source


@pytest.mark.parametrize("history", ["history.csv", "history.parquet", "all.json.zst"])
def test_a_folder_of_history_and_days_may_hold_any_kind(tmp_path, monkeypatch, history):
    folder = tmp_path / "mine"
    (folder / "daily").mkdir(parents=True)
    (folder / history).touch()
    (folder / "meta_x.jsonl.gz").touch()
    for name in ("2024-06-01.csv", "2024-06-02.parquet", "2024-06-03.tsv.zst"):
        (folder / "daily" / name).touch()
    settings = prepared(tmp_path / "home", monkeypatch, reviews=folder)
    assert [day.day for day in landed_days(settings, NOW.date())] == [1, 2, 3]
    assert review_history(settings).endswith(f"reviews/{history}")
    with pytest.raises(ContractError, match=r"stands in _columns\.json beside them"):
        prepared(tmp_path / "home", monkeypatch, reviews=folder, stars=10)


def test_a_column_that_names_no_role_is_refused():
    with pytest.raises(ValidationError, match="names no column"):
        DemoConfig(columns=("body",))
