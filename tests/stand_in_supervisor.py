"""A supervisor of stand-ins: small programs in place of the platform's servers, as HOME/stand_ins.json lists them."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path

from sentiment.core.settings import Settings
from sentiment_local.components import Component, answers, now_if
from sentiment_local.supervisor import Supervisor


def stand_in(name: str, command: list[str], url: str, needs: list[str]) -> Component:
    return Component(name, tuple(command), dict(os.environ), lambda: now_if(answers(url)), tuple(needs))


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    home = Path(os.environ["SENTIMENT_HOME"])
    listed = json.loads((home / "stand_ins.json").read_text(encoding="utf-8"))
    supervisor = Supervisor(Settings(home=home), [stand_in(**one) for one in listed])
    signal.signal(signal.SIGTERM, supervisor.stop)
    supervisor.run()


if __name__ == "__main__":
    main()
