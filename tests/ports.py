"""Free ports of the loopback for servers that tests start."""

import itertools
import os
import socket
from contextlib import suppress

# Below those that the kernel hands out, or another program might be given one before it is listened at; a thousand for
# each of pytest's workers, for an Airflow also takes those 713 and 714 beyond its own.
_PORTS = itertools.count(20_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) + os.getpid() % 200)


def free_port() -> int:
    """Return a port that nobody listens at, another each time."""
    for port in _PORTS:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("ports do not end")
