"""Runs the cases that people of this field reported against this checkout, and prints a table of what came of each.

`python tests/cases.py [FOLDER] [--only 07 13 ...]`; the folder is ../shared/cases when none is given. It makes a home
with a champion first, in a temporary folder, and ends with 1 when a case is not as its README says. What hangs on the
champion's labels is told ("model: 7 of 9") and fails nothing. A case that is not known here fails: it has no check.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from cases_of_others import columns, lake, platform, published, structure, texts, trainings
from cases_of_others.ground import PROJECT, Ground
from cases_of_others.seen import Seen

CASES: dict[str, Callable[[Ground, Seen], None]] = {
    "01": columns.loose_python_dicts,
    "02": columns.amazon_2018,
    "03": columns.timestamp_units,
    "05": columns.fine_food,
    "06": columns.aws_tsv,
    "07": structure.stray_quote,
    "09": structure.nan_and_numbers,
    "10": columns.google_play,
    "12": columns.rating_strings,
    "13": structure.line_structure,
    "16": structure.own_label_column,
    "17": published.polarity_forms,
    "18": published.imdb_forms,
    "19": platform.backfill_configuration,
    "20": platform.cancelled_backfill,
    "22": lake.two_writers,
    "23": lake.vacuum,
    "24": texts.missing_champion,
    "27": texts.emoji,
    "29": texts.sarcasm,
    "30": texts.neutral,
    "32": texts.other_languages,
    "34": trainings.broken_checkpoints,
    "35": trainings.search_left_locked,
    "37": structure.huge_reviews,
    "40": structure.blank_users,
    "42": structure.unfinished_files,
    "43": platform.misspelt_configuration,
    "44": platform.local_time,
    "47": texts.invisible_parts,
    "48": texts.square_brackets,
}


def main(words: list[str]) -> int:
    """Run the cases that are chosen and return how the program ends: 0 when each is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT.parent / "shared" / "cases")
    parser.add_argument("--only", nargs="+", default=[], metavar="NUMBER")
    given = parser.parse_args(words)
    names = sorted(folder.name for folder in given.folder.glob("[0-9][0-9]-*"))
    chosen = [name for name in names if not given.only or name[:2] in given.only]
    if not chosen:
        parser.error(f"{given.folder} holds no such case; its cases are {', '.join(names) or 'none'}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="cases")))
        ground = Ground(given.folder.absolute(), folder)
        stack.callback(ground.close)
        rows = [_row(name, ground) for name in chosen]
    return _table(rows)


def _row(name: str, ground: Ground) -> tuple[str, Seen]:
    """Run one case; a case that breaks is one that is wrong."""
    began, seen = time.monotonic(), Seen()
    try:
        check = CASES.get(name[:2])
        if check is None:
            seen.holds("there is a check for it", right=False)
        else:
            check(ground, seen)
    except Exception as error:  # one case must not cost the others
        seen.holds("it ran to its end", False, f"{type(error).__name__}: {error}")
    print(f"{name} ({time.monotonic() - began:.0f} s): {seen.outcome()}", file=sys.stderr, flush=True)
    return name, seen


def _table(rows: list[tuple[str, Seen]]) -> int:
    print("| case | looked at | outcome |\n| --- | --- | --- |")
    for name, seen in rows:
        cells = (name, "; ".join(seen.looked_at), seen.outcome())
        print(f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |")
    wrong = sum(bool(seen.wrong) for _, seen in rows)
    print(f"\n{len(rows) - wrong} of {len(rows)} cases are as their READMEs say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
