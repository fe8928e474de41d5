"""Data sets in the forms in which people hold them: Zhang's CSV and its relatives, IMDb, archives that saw a Mac."""

from __future__ import annotations

from pathlib import Path

from cases_of_others.ground import Ended, Ground, table
from cases_of_others.seen import Seen


def polarity_forms(ground: Ground, seen: Seen) -> None:
    for name, bad, named in (("fasttext", 2, ("12", "13")), ("header", 1, ("1",))):
        done, manifest = _snapshot(ground, "17", "amazon_polarity", name)
        seen.equals(f"{name}: bad rows", done.result.get("bad_rows", done.said), bad)
        seen.holds(f"{name}: they are named", all(f" {row}" in manifest for row in named), manifest)
        seen.holds(f"{name}: there is a test", done.result.get("splits", {}).get("test", {}).get("reviews"), done.said)
    seen.equals("header: used", _used(done), 120)
    done, manifest = _snapshot(ground, "17", "amazon_polarity", "backslash")
    used, bad = _used(done), done.result.get("bad_rows", 0)
    seen.holds(
        "backslash: 120 used, or the odd rows named", used + bad == 120 or done.refused("row"), (used, bad, done.said)
    )
    for name in ("two_columns", "web_page"):
        done, _ = _snapshot(ground, "17", "amazon_polarity", name)
        seen.holds(f"{name}: refused, a row named", done.refused("1"), done.said)
        seen.equals(f"{name}: files written", list((ground.room("17") / name).glob("snapshots/*")), [])


def imdb_forms(ground: Ground, seen: Seen) -> None:
    done, _ = _snapshot(ground, "18", "imdb", "kaggle")
    seen.holds("kaggle: 80 used, or refused", _used(done) == 80 or done.refused(), done.said)
    done, manifest = _snapshot(ground, "18", "imdb", "archive")
    seen.equals("archive: used, bad rows", [_used(done), done.result.get("bad_rows", done.said)], [80, 0])
    seen.holds("archive: twins of a Mac and unsup are not read", "unsup" not in manifest and "/._" not in manifest)
    lake = ground.room("18") / "landed"
    done = ground.ingest(ground.case("18") / "landing", lake)
    seen.equals("landing: kept, rejected", done.counts("kept", "rejected"), [10, 0])
    seen.equals("landing: rows", len(table(lake, "reviews")), 10)


def _snapshot(ground: Ground, number: str, dataset: str, name: str) -> tuple[Ended, str]:
    """Pin one form of a data set; return what was said and what the snapshot's manifest holds."""
    lake, source = ground.room(number) / name, ground.case(number) / name
    words = ("snapshot", "--dataset", dataset, "--source", source, "--min-words", 5, "--json")
    done = ground.run(*words, lake=lake)
    return done, "".join(file.read_text(encoding="utf-8") for file in Path(lake).glob("snapshots/*/*.json"))


def _used(done: Ended) -> int:
    return sum(split["reviews"] for split in done.result.get("splits", {}).values())
