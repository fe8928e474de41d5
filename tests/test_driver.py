"""What the file that spark-submit runs leaves for Airflow when its verb fails."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sentiment import driver
from sentiment.core.errors import ConcurrentWriteError, ContractError, UnavailableError
from sentiment.scoring.verbs import SCORE


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (ContractError("no day was ingested"), {"error": "no day was ingested"}),
        (ConcurrentWriteError("another run wrote that day"), {"failed": "another run wrote that day"}),
        (UnavailableError("MLflow does not answer"), {"failed": "MLflow does not answer"}),
    ],
)
def test_the_driver_leaves_why_it_failed_and_whether_trying_again_may_help(home, monkeypatch, error, left):
    def fail(*_):
        raise error

    monkeypatch.setattr(driver, "begin", lambda: None)
    monkeypatch.setattr(driver, "print_anything", lambda: None)
    monkeypatch.setattr(driver, "verbs", lambda: {"score": replace(SCORE, run=fail)})
    result = home / "result.json"
    assert driver.main("score", json.dumps({"day": "2024-06-29"}), str(result)) == driver.FAILED
    assert json.loads(result.read_text()) == left
