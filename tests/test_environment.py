"""What a process of ours makes of the environment that it was started in."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.request import proxy_bypass_environment

import pytest

from conftest import FOLDERS
from sentiment import cli
from sentiment.core.environment import without_proxy
from sentiment.core.settings import PROJECT, Settings
from sentiment_local.components import components


@pytest.mark.parametrize("given", [{}, {"no_proxy": "a.example"}, {"NO_PROXY": "a.example, b.example"}])
def test_this_machine_is_asked_without_a_proxy_and_what_the_user_excepts_stays(given):
    found = without_proxy(given)
    assert found["no_proxy"] == found["NO_PROXY"]
    kept = [name.strip() for value in given.values() for name in value.split(",")]
    assert found["no_proxy"].split(",") == [*kept, "127.0.0.1", "localhost"]
    assert without_proxy(found) == found


def test_a_star_excepts_everything_and_still_stands_alone():
    assert without_proxy({"no_proxy": "*"})["no_proxy"] == "*"


def test_every_verb_and_every_component_keeps_proxies_away_from_this_machine(home, monkeypatch, capsys):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    assert cli.main(["status"]) == 0
    assert proxy_bypass_environment("127.0.0.1:5000", {"no": os.environ["no_proxy"]})
    airflow = components(Settings())[-1].environment
    assert "127.0.0.1" in airflow["no_proxy"].split(",")
    assert airflow["PYTHONUTF8"] == "1"


def test_a_home_with_an_umlaut_is_read_in_a_shell_that_knows_only_ascii(tmp_path):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTIMENT_")},
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONPATH": f"{FOLDERS}:{PROJECT}/tests",
        "SENTIMENT_HOME": str(tmp_path / "ümläut"),
    }
    code = (
        "from sentiment import cli; from verbs_here import Said, standing_in; "
        "home = lambda _, context: Said(text=f'{len(context.settings.home.name)} {context.settings.home}'); "
        "raise SystemExit(cli.main(['status', '--json'], standing_in('status', home)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"text": "6 ' in done.stdout
