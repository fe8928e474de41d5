"""What every process of ours needs of its environment: this machine asked without a proxy, and paths in UTF-8."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_THIS_MACHINE = ("127.0.0.1", "localhost")


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which no proxy is asked for what runs on this machine; what the caller excepts stays."""
    given = [environment.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    names = [name.strip() for value in given for name in value.split(",") if name.strip()]
    # A star excepts everything, and only where it stands alone.
    direct = "*" if "*" in names else ",".join(dict.fromkeys([*names, *_THIS_MACHINE]))
    return {"NO_PROXY": direct, "no_proxy": direct}


def begin() -> None:
    """Make this process one of ours; one that cannot read a path with an umlaut begins again, in UTF-8."""
    os.environ.update(without_proxy(os.environ))
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  itself
