"""Files whose rows do not part where they seem to, and values that are none: quotes, lines, NaN, halves, huge texts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cases_of_others.ground import DAY, Ground, rows_of, table
from cases_of_others.seen import Seen


def stray_quote(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("07"), ground.room("07")
    for name in ("closed_later.csv", "never_closed.csv"):
        done, rows = ground.predict(case / name, room / "out.jsonl")
        named = done.code == 1 and re.search(r"\b(line 5|row 4)\b", done.err)
        seen.holds(f"{name}: 12 rows, or line 5 is named", len(rows) == 12 or (named and not rows), done.said)


def nan_and_numbers(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("09"), ground.room("09")
    done, rows = ground.predict(case / "pandas_wrote_it.csv", room / "out.jsonl")
    seen.equals("pandas_wrote_it: rows", len(rows), 13)
    sure = [row["text"] for row in rows[:8] if row["label"] and not row["needs_review"]]
    seen.equals("pandas_wrote_it: missing texts with a sure label", sure, [])
    seen.holds("pandas_wrote_it: 'Nan bread' is scored", rows and rows[-1]["label"], done.said)
    done, rows = ground.predict(case / "tokens.jsonl", room / "tokens.jsonl")
    of = {row["id"]: row for row in rows}
    scored = [number for number in (0, 1, 2, 5, 6, 7) if of and of[number]["label"]]
    seen.holds("tokens: what is no text is unscored, or refused by line", of or done.refused("line"), done.said)
    seen.equals("tokens: no texts that were scored", scored, [])
    if of:
        seen.equals("tokens: 5 is treated as 0 is", bool(of[3]["label"]), bool(of[4]["label"]))
        seen.holds("tokens: a NaN in another column costs no score", of[8]["label"] and of[9]["label"])


def line_structure(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("13"), ground.room("13")
    done = ground.ingest(case / "landing", room / "lake")
    read, *parts = done.counts("read", "kept", "duplicate", "rejected")
    seen.holds("read = kept + duplicate + rejected", read and read == sum(parts), done.said)
    kept = {row["asin"] for row in table(room / "lake", "reviews")}
    bad = {row["line"] for row in table(room / "lake", "quarantine")}
    seen.holds("the line behind the mark is kept", "B0CASE0000" in kept, sorted(bad))
    both = {"B0CASE0100", "B0CASE0101"}
    seen.holds("two reviews on a line: both, or quarantined", both <= kept or (not both & kept and 31 in bad), bad)
    for line, asin in ((32, "B0CASE0102"), (33, "B0CASE0103")):
        seen.holds(f"line {line} is kept or quarantined", (asin in kept) != (line in bad), bad)
    for name in ("array_on_one_line.jsonl", "array_pretty.jsonl"):
        done = ground.load(case / name, room / name)
        seen.holds(f"{name}: refused as a JSON array", done.refused("array"), done.said)
        seen.equals(f"{name}: rows written", len(table(room / name, "reviews")), 0)
    done, rows = ground.predict(case / "fused_for_predict.jsonl", room / "out.jsonl")
    seen.holds("fused_for_predict: names line 1", done.refused("line 1") and not rows, done.said)


def own_label_column(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("16"), ground.room("16")
    for name in ("gold.jsonl", "gold.csv"):
        given, (done, rows) = rows_of(case / name), ground.predict(case / name, room / name)
        own = [{column: row.get(column) for column in given[0]} for row in rows]
        seen.holds(f"{name}: its own columns survive", done.code == 1 or own == given, own)
        seen.holds(f"{name}: says what ours are called", done.code == 1 or done.result.get("notes"), done.out)


def huge_reviews(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("37"), ground.room("37")
    for number in (300, 2_500):
        landing, lake = room / f"landing{number}", room / f"lake{number}"
        subprocess.run([sys.executable, str(case / "gen.py"), str(landing), str(number)], check=True)
        _settle(landing)
        words = ("ingest", "--day", DAY, "--json")
        done = ground.run(*words, lake=lake, landing=landing, spark_memory="2g")
        stored = len(table(lake, "reviews"))
        whole = done.counts("kept") == [number] and stored == number
        told = number > 300 and done.refused() and stored == 0
        seen.holds(
            f"{number} reviews of 1 MB: kept{' or refused in a sentence' if told else ''}", whole or told, done.said
        )
        if number == 300:
            done = ground.run("score", "--day", DAY, "--json", home=ground.champion, lake=lake)
            seen.equals(f"{number} reviews of 1 MB: scored", done.counts("reviews"), [number])
        shutil.rmtree(landing)


def blank_users(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("40"), ground.room("40")
    done = ground.ingest(case / "users", room / "users")
    seen.equals("users: kept, duplicate", done.counts("kept", "duplicate"), [20, 0])
    done = ground.ingest(case / "products", room / "products", "--max-bad-share", "0.5")
    read, *parts = done.counts("read", "kept", "duplicate", "rejected")
    seen.holds("products: read = kept + duplicate + rejected", read == 13 == sum(parts), done.said)
    of = {row["user_id"]: row["parent_asin"] for row in table(room / "products", "reviews")}
    seen.equals("a blank parent_asin falls back to asin", of.get("USER011"), "B0TEST0001")
    seen.equals("leading zeros stay", of.get("USER014"), "0594481813")
    nowhere = [user for user in ("USER010", "USER012") if user in of]
    seen.equals("reviews without any product that were kept", nowhere, [])
    told = any("missing" in reason for reason in done.result.get("reasons", {}))
    seen.holds("says that both are missing", told, done.result.get("reasons"))
    seen.holds("594481813.0 is no '5.94481813E8'", of.get("USER016", "594481813") == "594481813", of.get("USER016"))


def unfinished_files(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("42"), ground.room("42")
    landing, lake = room / "landing", room / "lake"
    shutil.copytree(case / "whole", landing)
    _settle(landing)
    seen.equals("whole: kept", ground.ingest(landing, lake).counts("kept"), [40])
    for file in (case / "zero").iterdir():
        (landing / file.name).chmod(0o644)
        shutil.copyfile(file, landing / file.name)
    _settle(landing)
    done = ground.ingest(landing, lake)
    seen.holds("a .gz of no bytes: refused", done.refused("cannot be read"), done.said)
    seen.equals("a .gz of no bytes: rows that stay", len(table(lake, "reviews")), 40)
    done = ground.ingest(case / "half", room / "half")
    seen.holds("half a file: refused, says that it breaks off", done.refused("breaks off"), done.said)
    seen.equals("half a file: rows written", len(table(room / "half", "reviews")), 0)
    done = ground.ingest(case / "empty", room / "empty")
    seen.equals("a gzip of nothing: read", done.counts("read"), [0])
    done = ground.ingest(case / "staging", room / "staging")
    seen.equals("hidden and staged files are not read: kept", done.counts("kept", "rejected"), [10, 0])


def _settle(folder: Path) -> None:
    """Make files look as if they had landed an hour ago."""
    for file in folder.rglob("*"):
        os.utime(file, (time.time() - 3600,) * 2)
