"""Files that are kept elsewhere under other names: Python dictionaries, Amazon's of 2018, Kaggle's, AWS's, Google's."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from cases_of_others.ground import Ground, Row, lines_of, table
from cases_of_others.seen import Seen


def loose_python_dicts(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("01"), ground.room("01")
    for name in ("names_of_2014.jsonl", "names_of_2023.jsonl"):
        done = ground.load(case / name, room / name)
        seen.holds(f"{name}: import refused whole", done.refused("line"), done.said)
        seen.holds(f"{name}: says that these are Python dictionaries", done.refused("python"), done.said)
        seen.equals(f"{name}: rows written", len(table(room / name, "reviews")), 0)
        done, rows = ground.predict(case / name, room / "out.jsonl")
        seen.holds(f"{name}: predict names line 1", done.refused("line 1"), done.said)
        seen.equals(f"{name}: rows predicted", len(rows), 0)


def amazon_2018(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("02"), ground.room("02")
    given = lines_of(case / "Test_5.jsonl")
    without = sum(not row.get("reviewText") for row in given)
    seen.by_design("read by the known schema amazon-2018, the .json.gz as well")
    for name in ("Test_5.jsonl", "Test_5.json.gz"):
        lake = room / name
        done = ground.load(case / name, lake)
        seen.equals(f"{name}: kept, rejected", done.counts("kept", "rejected"), [13, 2])
        stored = table(lake, "reviews")
        seen.equals(f"{name}: days", sorted({str(row["review_date"]) for row in stored}), _days(given))
        seen.equals(f"{name}: stars", sorted(row["rating"] for row in stored), _stars(given))
    done, rows = ground.predict(case / "Test_5.jsonl", room / "out.jsonl")
    seen.holds("predict: reviewText is scored", len(rows) == len(given), done.said)
    seen.equals("predict: unscored", sum(row["label"] is None for row in rows), without if rows else -1)
    seen.holds("predict: says which column is the text", "reviewText" in str(done.result.get("notes")), done.out)


def fine_food(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("05"), ground.room("05")
    seen.by_design("Reviews.csv is read by the known schema fine-food")
    for name in ("Reviews.csv", "Reviews_renamed.csv"):
        done, rows = ground.predict(case / name, room / f"{name}.jsonl")
        seen.equals(
            f"{name}: Ids in order", [str(row["Id"]) for row in rows] or done.said, [str(n) for n in range(1, 11)]
        )
        seen.equals(f"{name}: unscored", done.result.get("unscored"), 0)
        _twins(seen, name, rows)
    seen.of_model("labels", sum(row["label"] == row["want"] for row in rows), len(rows))
    _three_products(ground, seen, case / "one_text_three_products.jsonl", room)


def _twins(seen: Seen, name: str, rows: list[Row]) -> None:
    """Rows 3 and 4, and 5 and 6, have one text, with and without tags."""
    for one, other in ((2, 3), (4, 5)) if len(rows) > 5 else ():
        gap = abs(float(rows[one]["positive_probability"]) - float(rows[other]["positive_probability"]))
        seen.holds(f"{name}: rows {one + 1} and {other + 1} decided alike", gap <= 0.05, gap)


def _three_products(ground: Ground, seen: Seen, source: Path, room: Path) -> None:
    lake = room / "lake"
    counts = ground.load(source, lake).counts("read", "kept")
    seen.equals("one text under three products: read, kept", counts, [12, 12])
    with_others = ground.champion / "lake"
    ground.load(source, with_others)
    done = ground.run("snapshot", "--json", home=ground.champion)
    folder = with_others / "snapshots" / done.result.get("snapshot", "none")
    triple = {json.loads(line)["text"] for line in source.read_text(encoding="utf-8").splitlines()[:3]}
    sides = [file.stem for file in sorted(folder.glob("*.parquet")) if triple & set(_texts(file))]
    seen.holds("the triple is in one split at most", done.code == 0 and len(sides) <= 1, sides or done.said)


def _texts(file: Path) -> list[str]:
    return pq.read_table(file, columns=["text"])["text"].to_pylist()


def aws_tsv(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("06"), ground.room("06")
    for name, text in (("amazon_reviews_us_Test_v1_00.tsv", "review_body"), ("renamed.tsv", "text")):
        wanted = list(csv.DictReader((case / name).open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
        done, rows = ground.predict(case / name, room / f"{name}.jsonl")
        texts = [row.get(text) for row in rows]
        seen.equals(f"{name}: 8 texts, quotes as they are", texts or done.said, [row[text] for row in wanted])
        seen.holds(f"{name}: all scored", rows and all(row["label"] for row in rows), done.said)
        seen.of_model("labels", sum(row["label"] == row["want"] for row in rows), len(rows))
    done, rows = ground.predict(case / "same_bytes_named.csv", room / "named.jsonl")
    seen.holds("same bytes named .csv: says that it is tab separated", done.refused("tab"), done.said)
    seen.equals("same bytes named .csv: rows", len(rows), 0)


def google_play(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("10"), ground.room("10")
    for name, text in (("renamed.csv", "text"), ("reviews_org.example.app_202405.csv", "Review Text")):
        wanted = list(csv.DictReader((case / name).open(encoding="utf-16", newline="")))
        done, rows = ground.predict(case / name, room / f"{name}.jsonl")
        texts = [row.get(text) or "" for row in rows]
        seen.equals(f"{name}: 6 texts intact", texts or done.said, [row[text] for row in wanted])
        seen.equals(f"{name}: unscored", done.result.get("unscored"), 2)
    done, rows = ground.predict(case / "renamed_without_mark.csv", room / "unmarked.jsonl")
    seen.holds("without a mark: refused, says UTF-16", done.refused("utf-16"), done.said)


def timestamp_units(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("03"), ground.room("03")
    lake = room / "lake"
    done = ground.ingest(case / "landing", lake)
    read, kept, rejected = done.counts("read", "kept", "rejected")
    seen.holds("ingest: 38 read, 32 or 33 kept", (read, kept) in {(38, 32), (38, 33)}, done.said + done.out)
    seen.equals("the rest is quarantined", len(table(lake, "quarantine")), rejected)
    told = all("millisecond" in reason or "time" in reason for reason in done.result.get("reasons", {"": 0}))
    seen.holds("reasons name unit or form", told, done.result.get("reasons"))
    moments = {row["asin"]: row["timestamp"] for row in table(lake, "reviews")}
    same = {moments.get(f"B0CASE010{number}") for number in (4, 5)}
    seen.equals("1714900000000.0 and 1.7149E12", same, {datetime(2024, 5, 5, 9, 6, 40, tzinfo=UTC)})
    done = ground.load(case / "history_in_seconds.jsonl", room / "seconds")
    seen.holds("history in seconds: refused", done.refused("12"), done.said)
    seen.equals("history in seconds: rows written", len(table(room / "seconds", "reviews")), 0)
    done = ground.load(case / "history_mixed.jsonl", room / "mixed")
    seen.equals("mixed: kept, rejected", done.counts("kept", "rejected"), [10, 2])
    days = sorted({str(row["review_date"]) for row in table(room / "mixed", "reviews")})
    seen.equals("mixed: days written", done.result.get("touched"), days)


def rating_strings(ground: Ground, seen: Seen) -> None:
    lake = ground.room("12") / "lake"
    done = ground.ingest(ground.case("12") / "landing", lake)
    seen.equals("read, kept, rejected", done.counts("read", "kept", "rejected"), [38, 32, 6])
    seen.equals("reasons", done.result.get("reasons"), {"rating is not a number": 6})
    seen.equals("in quarantine", len(table(lake, "quarantine")), 6)
    stars = {row["rating"] for row in table(lake, "reviews")}
    seen.holds("stars are 1, 4.5 and 5 alone", stars == {1.0, 4.5, 5.0}, stars)


def _days(given: list[Row]) -> list[str]:
    with_text = [row for row in given if row.get("reviewText")]
    return sorted({str(datetime.fromtimestamp(row["unixReviewTime"], UTC).date()) for row in with_text})


def _stars(given: list[Row]) -> list[float]:
    return sorted(row["overall"] for row in given if row.get("reviewText"))
