"""What the supervisor writes down for others to read: HOME/platform.json, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from sentiment.core.atomic import replacing
from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local.processes import Started
from sentiment_local.supervision import State


class ComponentRecord(BaseModel):
    """A component as the supervisor sees it; `started` is its present or last process, `restarts` counts all."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    reason: str = ""
    restarts: int = 0
    started: Started | None = None
    log: Path


class PlatformRecord(BaseModel):
    """The supervisor's process and the components; `trouble` says why the platform could not be set up.

    `stopped` tells that it was asked to end, `ports` on which Airflow listens and MLflow, where it runs here, and
    `variables` with what else it was started (`components.started_with`); a record of before has none.
    """

    model_config = ConfigDict(frozen=True)

    supervisor: Started
    ports: dict[str, int] = {}
    variables: dict[str, str] = {}
    components: tuple[ComponentRecord, ...] = ()
    step: str = ""
    trouble: str = ""
    stopped: bool = False
    events: tuple[str, ...] = ()


def read_record(settings: Settings) -> PlatformRecord | None:
    """Return what was written last, or None when no platform was started here.

    Raises ContractError when the file is no such record: what runs is then known to nobody but the machine.
    """
    file = _file(settings)
    try:
        written = json.loads(file.read_bytes())
        return PlatformRecord.model_validate(written if isinstance(written, dict) else _of_version_0_3(written))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, IndexError):
        raise ContractError(
            f"{file} cannot be read, and no supervisor runs that would write it anew; remove it: rm '{file}'. When "
            "ports are taken afterwards, a part of the platform still runs: end it by its process id"
        ) from None


def write_record(settings: Settings, record: PlatformRecord) -> None:
    """Replace what was written; this user alone may read it, for a log's lines in it may tell anything."""
    with replacing(_file(settings)) as aside:
        aside.touch(mode=0o600)
        aside.write_text(_text(record), encoding="utf-8")


def is_written(settings: Settings, record: PlatformRecord) -> bool:
    """Return whether the file holds this very record: others may have removed or spoilt it."""
    try:
        return _file(settings).read_text(encoding="utf-8") == _text(record)
    except (OSError, ValueError):
        return False


def forget_record(settings: Settings) -> None:
    """Remove it: nothing runs any more."""
    _file(settings).unlink(missing_ok=True)


def _of_version_0_3(programs: list[dict[str, Any]]) -> dict[str, Any]:
    """Read what a platform without a supervisor left, so that it can be ended."""
    rest = [
        {"name": program["name"], "state": "failed", "started": program, "log": program["log"]} for program in programs
    ]
    return {"supervisor": programs[0], "components": rest}


def _text(record: PlatformRecord) -> str:
    return record.model_dump_json(indent=1)


def _file(settings: Settings) -> Path:
    return settings.home / "platform.json"
