"""Runs whole demos in a row, each in a home of its own, and prints a row for each: did all of it happen, and how long.

`python tests/ten_demos.py [COUNT [OPTIONS]]`, ten when no count is given; the options are the demo's, such as --days 4.
In each the backfill of `ingest_reviews` is posted while trainings run. It ends with 1 when one of them failed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ports import free_port
from sentiment.core.settings import PROJECT, Settings
from sentiment_local import platform
from sentiment_local.status import status

_HEADINGS = ("demo", "result", "seconds", "platform", "import", "train + ingest days", "score days", "days", "restarts")


def main(count: int, options: list[str]) -> int:
    """Run the demos and return how the last line of a script wants it: 0 when all succeeded."""
    print("| " + " | ".join(_HEADINGS) + " |")
    print("| --- " * len(_HEADINGS) + "|", flush=True)
    failed = 0
    for number in range(1, count + 1):
        with TemporaryDirectory(prefix="demo") as folder:
            row = _one(
                Settings(home=Path(folder), airflow_port=free_port(), mlflow_port=free_port(), mlflow_uri=""), options
            )
        failed += row["result"] != "done"
        print("| " + " | ".join(str(value) for value in {"demo": number, **row}.values()) + " |", flush=True)
    print(f"\n{count - failed} of {count} demos succeeded")
    return 1 if failed else 0


def _one(settings: Settings, options: list[str]) -> dict[str, Any]:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "sentiment", "demo", "--json", *options],
        cwd=PROJECT,
        env=_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = round(time.monotonic() - began)
    restarts = sum(one.restarts for one in status(settings).components)
    platform.stop(settings)
    if ended.returncode:
        print(ended.stderr[-5000:], file=sys.stderr)
        return {"result": f"exit {ended.returncode}", "seconds": seconds, **dict.fromkeys("abcde", "–"), "r": restarts}
    shown = json.loads(ended.stdout)
    whole = all(row["reviews"] is not None for row in shown["days"]) and shown["champion"] is not None
    stages = dict(zip("abcd", shown["seconds"].values(), strict=True))
    return {
        "result": "done" if whole else "lacks days or a champion",
        "seconds": seconds,
        **stages,
        "days": len(shown["days"]),
        "restarts": restarts,
    }


def _environment(settings: Settings) -> dict[str, str]:
    own = {"HOME": settings.home, "AIRFLOW_PORT": settings.airflow_port, "MLFLOW_PORT": settings.mlflow_port}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SENTIMENT_", "AIRFLOW"))}
    return {**kept, **{f"SENTIMENT_{name}": str(value) for name, value in own.items()}}


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2:]))
