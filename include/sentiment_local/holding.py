"""Becomes a program that holds a lock for its life: `python -m sentiment_local.holding FILE PROGRAM [ARGUMENT …]`.

Its children hold it too, and so does what outlives it. A lock is seen where process ids are not, as in a container.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sentiment.core.locks import keep


def main(file: str, *command: str) -> None:
    """Take the lock and become the program; ends with a sentence when another process holds it."""
    keep(Path(file), SystemExit(f"another process, perhaps of a container, holds {file}"))
    os.execvp(command[0], command)  # noqa: S606  the command is ours


if __name__ == "__main__":
    main(*sys.argv[1:])
