"""Two writers of one day, and what vacuum removes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from deltalake import DeltaTable

from cases_of_others.ground import DAY, PROJECT, Ground, lines_of, table
from cases_of_others.seen import Seen

_OLD = 30 * 86_400


def two_writers(ground: Ground, seen: Seen) -> None:
    case, lake = ground.case("22"), ground.room("22") / "lake"
    command = [sys.executable, "-m", "sentiment", "ingest", "--day", DAY, "--json"]
    environments = {one: ground.environment(lake=lake, landing=case / f"landing_{one}") for one in "ab"}
    started = {
        one: subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for one, env in environments.items()
    }
    said = {one: process.communicate()[1] for one, process in started.items()}
    codes = {one: process.returncode for one, process in started.items()}
    seen.equals("at one moment, on a new lake: exit codes", sorted(codes.values()), [0, 1])
    loser = max(codes, key=lambda one: codes[one])
    seen.holds("the loser says that another run wrote", "another run wrote" in said[loser], said[loser])
    winner = "b" if loser == "a" else "a"
    seen.equals("all rows are the winner's", _asins(lake), _given(case, winner))
    done = ground.ingest(case / f"landing_{loser}", lake)
    both = sorted(_given(case, "a") + _given(case, "b"))
    kept = done.counts("kept") == [10] and _asins(lake) in (both, _given(case, loser))
    seen.holds("the loser again: no row lost, none twice", kept, f"{done.said} {_asins(lake)}")
    if _asins(lake) != both:
        seen.by_design("a day's files are one delivery, so the loser's file takes the place of the winner's")
    keys = [row["review_key"] for row in table(lake, "reviews")]
    seen.equals("review keys that stand twice", len(keys) - len(set(keys)), 0)
    seen.equals("quarantine", len(table(lake, "quarantine")), 0)


def _asins(lake: Path) -> list[str]:
    return sorted(row["asin"] for row in table(lake, "reviews"))


def _given(case: Path, one: str) -> list[str]:
    return sorted(row["asin"] for row in lines_of(case / f"landing_{one}" / f"{DAY}.jsonl"))


def vacuum(ground: Ground, seen: Seen) -> None:
    case, lake = ground.case("23"), ground.room("23") / "lake"
    landing = ground.room("23") / "landing"
    shutil.copytree(case / "landing", landing)
    for day in (DAY, "2024-05-06"):
        ground.run("ingest", "--day", day, lake=lake, landing=landing)
    _one_line_less(landing / f"{DAY}.jsonl")
    ground.ingest(landing, lake)
    reviews = lake / "reviews"
    orphan = _left_by_a_killed_writer(reviews)
    before = _rows_of_versions(reviews)
    listed = {full: _vacuumed(reviews, dry_run=True, full=full) for full in (False, True)}
    documented = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
    full = "full=True" in documented
    seen.holds("the call of the docs lists the leftovers", orphan.name in str(listed[full]), listed[full])
    seen.holds("the docs say what full=True costs", not full or "rebuilt" in documented)
    _vacuumed(reviews, dry_run=False, full=full)
    seen.holds("afterwards the leftovers are gone", not orphan.exists())
    seen.equals(
        "afterwards versions within the retention hold their rows", _rows_of_versions(reviews)[: len(before)], before
    )


def _one_line_less(file: Path) -> None:
    """Make a corrected file, so that the day's older rows leave the table and stay in its versions."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.chmod(0o644)
    file.write_text("".join(lines[:-1]), encoding="utf-8")


def _left_by_a_killed_writer(reviews: Path) -> Path:
    """Leave a file that no log names, and let a month have passed over it and over those of the table."""
    some = Path(DeltaTable(str(reviews)).file_uris()[0].removeprefix("file://"))
    orphan = some.with_name("part-left-by-a-killed-writer.parquet")
    shutil.copy(some, orphan)
    month_ago = time.time() - _OLD
    for file in reviews.rglob("*.parquet"):
        os.utime(file, (month_ago, month_ago))
    return orphan


def _rows_of_versions(reviews: Path) -> list[int]:
    newest = DeltaTable(str(reviews)).version()
    tables = [DeltaTable(str(reviews), version=version) for version in range(newest + 1)]
    return [one.to_pyarrow_table().num_rows for one in tables]


def _vacuumed(reviews: Path, *, dry_run: bool, full: bool) -> list[str]:
    return DeltaTable(str(reviews)).vacuum(retention_hours=168, dry_run=dry_run, full=full)
