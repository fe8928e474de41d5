"""Entry of the command line, and the file that spark-submit runs."""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a file, Python puts this folder first in the path, where `datasets` or `models` would hide other packages.
if sys.path and Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sentiment.cli import main

if __name__ == "__main__":
    sys.exit(main())
