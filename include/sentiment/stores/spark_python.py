"""The parent of Spark's Python workers on this machine: it takes pyspark as it is installed.

Spark puts a zip of pyspark's sources before the installed package, and Python would compile it anew in every worker: a
second of a core each, in jobs of seconds. Spark starts this module because `spark.python.daemon.module` names it.
"""

from __future__ import annotations

import runpy
import sys


def _installed(entry: str) -> bool:
    return not entry.endswith(".zip")


if __name__ == "__main__":
    sys.path[:] = filter(_installed, sys.path)
    runpy.run_module("pyspark.daemon", run_name="__main__")
