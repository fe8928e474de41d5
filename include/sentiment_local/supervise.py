"""The supervisor's process: `python -m sentiment_local.supervise`, until SIGTERM; it outlives whoever started it."""

from __future__ import annotations

import logging
import signal

from sentiment.core.errors import ContractError
from sentiment.core.settings import Settings
from sentiment_local import databases, postgres
from sentiment_local.components import components
from sentiment_local.supervisor import Supervisor

log = logging.getLogger("supervisor")


def main() -> int:
    """Set the platform up and keep it running, until this process is told to end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # The terminal that started it may close.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = Settings()
    settings = settings.model_copy(update={"home": settings.home.absolute()})
    try:
        supervisor = Supervisor(settings, components(settings))
    except ContractError as error:
        Supervisor(settings, ()).tell(str(error))
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    try:
        if databases.is_own(settings):
            postgres.prepare(settings)
        if not supervisor.prepare_databases():
            supervisor.stop()
    except ContractError as error:
        supervisor.stop()
        supervisor.tell(str(error))
    except Exception as error:
        supervisor.stop()
        log.exception("the platform cannot be set up")
        supervisor.tell(str(error))
    finally:  # what was started meanwhile is ended there too
        supervisor.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
