"""Airflow's settings on one machine, as the AIRFLOW_* variables that it reads, each with its reason."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from pathlib import Path

from sentiment.core.settings import PROJECT, Settings
from sentiment_local.login import USER, made_once, make_login, passwords_file

_AIRFLOW = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__LOAD_EXAMPLES": "False",
    # One user with a password: neither others of this machine nor a web page in the browser become administrators.
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
    "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
    # An unpaused DAG with a daily schedule starts a run for yesterday at once; whoever wants that unpauses it.
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    # Two cores: the heavy tasks wait in the pools of one slot, light ones must still pass them.
    "CORE__PARALLELISM": "4",
    "API__HOST": "127.0.0.1",
    "API__WORKERS": "1",
    "USAGE_DATA_COLLECTION__ENABLED": "False",
    # A DAG file that was added or changed shows within this many seconds (300 by default) ...
    "DAG_PROCESSOR__REFRESH_INTERVAL": "15",
    # ... so that unchanged ones need not be parsed every 30 s.
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # The first file brings what all import: some ten seconds on busy cores, of the 30 and 50 that are the defaults.
    "CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "330",
    # The heartbeat comes every 5 s from a process that does nothing else, which training and Spark delay by little.
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "300",
    # The supervisor starts a scheduler again that died or was silent; the new one takes up the old one's tasks when
    # that one's last heartbeat is as old as this.
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "60",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
    "DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD": "60",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "60",
}

_KEYS = {
    "api": lambda: secrets.token_hex(32),
    "jwt": lambda: secrets.token_hex(64),
    "fernet": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
}


def airflow_environment(settings: Settings, url: str, database: str) -> dict[str, str]:
    """Return the variables of the Airflow in HOME/airflow that answers as `url` and keeps its state in `database`.

    Its keys and its user's password are made the first time.
    """
    home = settings.home / "airflow"
    make_login(settings)
    names = {
        **_AIRFLOW,
        **_of_deployment(home, settings.airflow_port, url),
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(settings)),
    }
    return {"AIRFLOW_HOME": str(home), **{f"AIRFLOW__{name}": value for name, value in names.items()}}


def home_id(settings: Settings) -> str:
    """Return what tells a home from others, and from one of the same path that was made anew: of its keys, not one."""
    keys = made_once(settings.home / "airflow" / "secrets.json", _KEYS)
    return hashlib.sha256(keys["fernet"].encode()).hexdigest()[:16]


def spark_connection(master: str) -> dict[str, str]:
    """Return the variable of the connection spark_default; one that the caller has set stays as it is.

    Airflow keeps the port of spark://host:port in a field of its own.
    """
    host, colon, port = master.rpartition(":")
    parts = {"host": host, "port": int(port)} if colon and port.isdigit() else {"host": master}
    given = os.environ.get("AIRFLOW_CONN_SPARK_DEFAULT")
    return {"AIRFLOW_CONN_SPARK_DEFAULT": given or json.dumps({"conn_type": "spark", **parts})}


def _of_deployment(home: Path, port: int, url: str) -> dict[str, str]:
    keys = made_once(home / "secrets.json", _KEYS)
    return {
        "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "API__PORT": str(port),
        "API__BASE_URL": url,
        # Derived from base_url by default, with localhost:8080 where that is empty; said here so that no task can ask
        # another Airflow of this machine.
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "LOGGING__WORKER_LOG_SERVER_PORT": str(log_ports(port)[0]),
        "LOGGING__TRIGGER_LOG_SERVER_PORT": str(log_ports(port)[1]),
        # Without these each of Airflow's processes makes up its own and none believes the others.
        "API__SECRET_KEY": keys["api"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        "CORE__FERNET_KEY": keys["fernet"],
    }


def log_ports(port: int) -> tuple[int, int]:
    """Return on which ports the scheduler and the triggerer of the Airflow at `port` show their logs.

    8793 and 9793 beside 8080: they move with it, so that platforms run side by side on neighbouring ports too.
    """
    first, second = (port + distance if port + distance < 2**16 else port - distance for distance in (713, 1713))
    return first, second
