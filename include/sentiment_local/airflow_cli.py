"""Airflow's own command line for the platform on this machine: `python -m sentiment_local.airflow_cli db clean …`.

A bare `airflow` knows nothing of the platform's database and would make itself another one.
"""

from __future__ import annotations

import os
import sys

from sentiment.cli import context_of_process
from sentiment.core.errors import ContractError
from sentiment_local import databases
from sentiment_local.components import airflow_command, inherited, of_airflow


def main() -> None:
    """Become Airflow, with the arguments as they are.

    Raises ContractError when its database does not answer, and for settings that cannot be read.
    """
    # libpq obeys the shell's PGPORT, PGSERVICE and their like wherever its address is silent.
    for name in os.environ.keys() - inherited().keys():
        del os.environ[name]
    settings = context_of_process().settings
    if why := databases.silence(settings):
        raise ContractError(f"Airflow's database does not answer ({why}); start the platform: sentiment up")
    command = airflow_command(*sys.argv[1:])
    os.execve(command[0], command, of_airflow(settings))  # noqa: S606  Airflow itself


if __name__ == "__main__":
    try:
        main()
    except ContractError as error:
        raise SystemExit(str(error)) from None
