"""Looks after the platform while somebody waits for it: what goes down is said at once, a standstill ends the wait."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from sentiment.core.errors import ContractError
from sentiment.core.progress import OnProgress
from sentiment.core.settings import Settings
from sentiment_local import processes
from sentiment_local.states import PlatformRecord, read_record

STANDSTILL_SECONDS = 600.0


class Watch:
    """Is told what can be seen of the work, and looks at the platform itself."""

    def __init__(self, settings: Settings, on_progress: OnProgress, standstill: float = STANDSTILL_SECONDS) -> None:
        self._settings, self._on_progress, self._standstill = settings, on_progress, standstill
        record = read_record(settings)
        self._told = len(record.events) if record else 0
        self._seen: object = None
        self._changed = time.monotonic()

    def look(self, seen: Mapping[str, object]) -> None:
        """Raise ContractError when a component is down for good, or when nothing has changed for ten minutes.

        `seen` is what is known of the work; its tasks' logs count as well, for a training changes nothing else.
        """
        record = self.check()
        now = (dict(seen), self._log_bytes(), record.events)
        if now != self._seen:
            self._seen, self._changed = now, time.monotonic()
        elif time.monotonic() - self._changed > self._standstill:
            raise ContractError(self._stands(seen))

    def check(self) -> PlatformRecord:
        """Say what was started again since the last look; raise ContractError when a component is down for good."""
        record = read_record(self._settings)
        if record is None or record.stopped:
            raise ContractError("the platform was stopped; start it again and go on: sentiment demo")
        for event in record.events[self._told :]:
            self._on_progress(event.splitlines()[0])
        self._told = len(record.events)
        self._require_kept(record)
        return record

    def _require_kept(self, record: PlatformRecord) -> None:
        if not processes.running(record.supervisor):
            raise ContractError(
                f"the supervisor of the platform ended; see {record.supervisor.log}, then `sentiment down` and go on "
                "with `sentiment demo`"
            )
        for component in record.components:
            if component.state == "failed":
                end = processes.end_of_log(component.log, component.started, 5)
                raise ContractError(f"{component.name} does not stay up ({component.reason}); {end}")

    def _log_bytes(self) -> int:
        logs = self._settings.home / "airflow" / "logs"
        return sum(_size(file) for file in logs.rglob("*.log") if "dag_processor" not in file.parts)

    def _stands(self, seen: Mapping[str, object]) -> str:
        what = "; ".join(f"{name}: {value}" for name, value in seen.items())
        return (
            f"nothing has moved for {self._standstill / 60:.0f} minutes ({what}). Look at `sentiment status`, and into "
            f"{self._settings.home / 'logs'} and {self._settings.home / 'airflow' / 'logs'}; "
            "`sentiment down` and `sentiment demo` go on with what is there"
        )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
