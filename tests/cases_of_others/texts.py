"""What the champion says of texts that are hard for it, and what is said where there is no champion to ask."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cases_of_others.ground import DAY, PROJECT, Ended, Ground, Row, lines_of, table
from cases_of_others.seen import Seen

# Where nobody listens.
_NOWHERE = "http://127.0.0.1:9"
_OUTAGE_SECONDS = 60
_NO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def missing_champion(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("24"), ground.room("24")
    words = ("predict", "--input", case / "texts.jsonl", "--output", room / "out.jsonl", "--json")
    done = ground.run(*words, home=ground.champion, mlflow_uri=_NOWHERE)
    seen.holds("outage: predict says that the address does not answer", done.refused(_NOWHERE), done.said)
    seen.holds("outage: it does not say that there is no champion", "no champion" not in done.err, done.said)
    seen.holds("outage: it says so soon", done.seconds < _OUTAGE_SECONDS, f"{done.seconds:.0f} s")
    done = ground.run("promote", "--json", home=ground.champion, mlflow_uri=_NOWHERE)
    seen.holds("outage: promote fails and says so", done.refused(_NOWHERE), done.said)
    _deleted_version(ground, seen, shutil.copytree(ground.champion, room / "home"))


def _deleted_version(ground: Ground, seen: Seen, home: Path) -> None:
    """Delete the champion's version in a copy of the home, in which there is another version."""

    def run(*words: object) -> Ended:
        return ground.run(*words, "--json", home=home)

    snapshot = run("snapshot").result["snapshot"]
    trained = run("train", "--family", "linear", "--snapshot", snapshot, "--train-reviews", 2_000)
    other = run("export", "--run-id", trained.result["run_id"])
    seen.holds("there is another version", other.code == 0, other.said)
    subprocess.run([sys.executable, str(ground.case("24") / "dangle.py"), str(home)], check=True, capture_output=True)
    for words in (("predict", "fine"), ("promote",)):
        done = run(*words)
        told = done.refused("version 1") and "no champion yet" not in done.err
        seen.holds(f"version deleted: {words[0]} says that the champion's version 1 is gone", told, done.said)


def emoji(ground: Ground, seen: Seen) -> None:
    rows = _predicted(ground, "27", "emoji.jsonl", seen)
    of = {row["id"]: row["label"] for row in rows}
    pairs = [of[f"{number} apart"] == of[f"{number} glued"] for number in range(5)] if of else []
    seen.of_model("pairs alike, apart and glued", sum(pairs), len(pairs))
    _wanted(seen, rows)


def sarcasm(ground: Ground, seen: Seen) -> None:
    rows = _predicted(ground, "29", "mixed.jsonl", seen)
    wrong = [row for row in rows[:4] if row["label"] != row["want"] and row["confidence"] > 0.9]
    seen.of_model("sarcastic ones not surely wrong", 4 - len(wrong), 4, 2)
    seen.of_model("balanced ones need review", _for_review(rows[4:7]), 3)
    seen.of_model("plain ones right", sum(row["label"] == row["want"] for row in rows[7:]), 3)


def neutral(ground: Ground, seen: Seen) -> None:
    rows = _predicted(ground, "30", "neutral.jsonl", seen)
    seen.of_model("neutral ones need review", _for_review(rows), len(rows), 6)
    seen.of_model("neutral ones not above 0.9", sum(row["confidence"] <= 0.9 for row in rows), len(rows), 8)
    lake = ground.room("30") / "lake"
    done = ground.ingest(ground.case("30") / "landing", lake)
    kept = done.result.get("kept")
    scored = ground.run("score", "--day", DAY, "--json", home=ground.champion, lake=lake)
    seen.equals("three stars: scored as they were kept", scored.result.get("reviews", scored.said), kept)
    shares = {row["disagreement_share"] for row in table(lake, "daily_sentiment")}
    seen.holds("three stars: no side in disagreement_share", shares and shares <= {None, 0.0}, shares)
    done = ground.run("snapshot", "--min-words", 1, "--json", lake=lake)
    used = sum(split["reviews"] for split in done.result.get("splits", {}).values())
    seen.holds("three stars: none enters a training", done.code in {0, 1} and used == 0, done.said)


def other_languages(ground: Ground, seen: Seen) -> None:
    rows = _predicted(ground, "32", "languages.jsonl", seen)
    others = [row for row in rows if row["lang"] != "en"]
    seen.of_model("not English need review", _for_review(others), len(others), 9)
    seen.of_model("not English at most at 0.95", sum(row["confidence"] <= 0.95 for row in others), len(others))
    seen.of_model("English right", sum(row["label"] == row.get("want") for row in rows if row not in others), 1)
    docs = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    told = [file.name for file in docs if re.search(r"(?<!not )\bEnglish\b", file.read_text(encoding="utf-8"))]
    seen.holds("the docs say that the model is English", told)


def invisible_parts(ground: Ground, seen: Seen) -> None:
    case, room = ground.case("47") / "landing", ground.room("47")
    given = {row["parent_asin"]: row for row in lines_of(case / f"{DAY}.jsonl")}
    done = ground.ingest(case, room / "lake")
    seen.equals("kept", done.counts("kept"), [len(given)])
    ground.run("score", "--day", DAY, "--json", home=ground.champion, lake=room / "lake")
    stored = {row["parent_asin"]: row["text"] for row in table(room / "lake", "reviews")}
    torn = [name for name, row in given.items() if _words(stored.get(name)) != _words(_plain(row["text"]))]
    seen.equals("texts in the lake with other words than a reader sees", [given[name]["title"] for name in torn], [])
    labels = {row["parent_asin"]: row["label"] for row in table(room / "lake", "scores")}
    seen.equals("scored in the lake", len(labels), len(given))
    done, rows = ground.predict(case / f"{DAY}.jsonl", room / "out.jsonl")
    of_files = {row["parent_asin"]: row["label"] for row in rows}
    seen.equals(
        "labels of predict and of the lake that differ", [a for a in given if of_files.get(a) != labels.get(a)], []
    )
    for where, found in (("in the lake", labels), ("by predict", of_files)):
        seen.of_model(f"right {where}", sum(found.get(a) == row["want"] for a, row in given.items()), len(given))
    _like_their_plain_one(seen, given, labels)


def _like_their_plain_one(seen: Seen, given: dict[str, Row], labels: dict[str, str]) -> None:
    """Each variant follows its plain sentence in the file."""
    plain, other = None, []
    for asin, row in given.items():
        plain = labels.get(asin) if row["title"] == "plain" else plain
        other += [row["title"]] if labels.get(asin) != plain else []
    seen.equals("variants labelled otherwise than their plain sentence", other, [])


def square_brackets(ground: Ground, seen: Seen) -> None:
    texts = [row["text"] for row in lines_of(ground.case("48") / "texts.jsonl")]
    for words in [(text,) for text in texts] + [tuple(texts)]:
        done = ground.run("predict", *words, home=ground.champion)
        lost = [text for text in words if text not in _first_column(done.out)]
        what = "all at once" if len(words) > 1 else repr(words[0])
        seen.holds(f"{what}: shown as it is", done.code == 0 and not lost, done.said)
    odd = ground.room("48") / "reviews [b].jsonl"
    odd.write_text('{"text": "broke [/b]"}\n', encoding="utf-8")
    done = ground.run("predict", "--input", odd, "--output", odd.with_name("out [i].jsonl"), home=ground.champion)
    shown = done.out.replace("\n", "")
    seen.holds(
        "a path with brackets is shown as it is", done.code == 0 and "out [i].jsonl" in shown, done.said + done.out
    )


def _first_column(shown: str) -> str:
    """Return what stands in a table's first column, its folded lines put together."""
    return " ".join(line.split("│")[1].strip() for line in shown.splitlines() if "│" in line)


def _predicted(ground: Ground, number: str, name: str, seen: Seen) -> list[Row]:
    given = lines_of(ground.case(number) / name)
    done, rows = ground.predict(ground.case(number) / name, ground.room(number) / "out.jsonl")
    texts = [row["text"] for row in rows]
    seen.equals(f"{name}: every row is there, in order", texts or done.said, [row["text"] for row in given])
    return rows


def _wanted(seen: Seen, rows: list[Row]) -> None:
    labelled = [row for row in rows if "want" in row]
    seen.of_model("labels", sum(row["label"] == row["want"] for row in labelled), len(labelled))
    doubtful = [row for row in rows if row.get("want_review")]
    seen.of_model("doubtful ones need review", _for_review(doubtful), len(doubtful))


def _for_review(rows: list[Row]) -> int:
    return sum(row["needs_review"] is True for row in rows)


def _plain(text: str) -> str:
    """Return what a reader sees: what has no width is not there, and entities are what they stand for."""
    while (shown := html.unescape(text)) != text:
        text = shown
    return _NO_WIDTH.sub("", text)


def _words(text: Any) -> list[str]:
    return str(text).split()
