"""What `make` does about an environment, in a folder that holds its file alone; nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sentiment.core.settings import PROJECT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An environment that is older than its requirements, whose `sentiment` writes down what it was asked."""
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    shutil.copy(PROJECT / "Makefile", tmp_path)
    program = tmp_path / ".venv" / "bin" / "sentiment"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@" >> asked\n')
    program.chmod(0o755)
    (installed := tmp_path / ".venv" / "installed").touch()
    os.utime(installed, (0, 0))
    return tmp_path


def make(project: Path, target: str) -> tuple[int, str, list[str]]:
    """Return the exit code, what was said on standard error, and what was asked; with no Python to install by."""
    of_make = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    words = ["make", target, "PYTHON=false"]
    done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False)
    asked = project / "asked"
    return done.returncode, done.stderr, asked.read_text().splitlines() if asked.exists() else []


@pytest.mark.parametrize("target", ["status", "doctor"])
def test_whoever_only_looks_installs_nothing_under_a_platform_that_may_run(project, target):
    assert make(project, target) == (0, "", [target])


@pytest.mark.parametrize(("target", "there"), [("up", True), ("status", False), ("doctor", False)])
def test_whoever_starts_brings_the_environment_up_to_date_and_without_one_everybody_installs(project, target, there):
    if not there:
        shutil.rmtree(project / ".venv")
    code, _, asked = make(project, target)
    assert (code, asked) == (2, [])


def test_a_down_without_an_environment_says_that_nothing_was_stopped_and_what_could(project):
    assert make(project, "down") == (0, "", ["down"])
    shutil.rmtree(project / ".venv")
    code, said, asked = make(project, "down")
    assert (code, asked) == (2, ["down"])
    assert said.startswith("not installed here, so nothing was stopped; if a platform of this folder still runs, make")


def test_what_is_removed_is_stopped_first_and_stays_where_it_cannot_be(project):
    program = project / ".venv" / "bin" / "sentiment"
    program.write_text('#!/bin/sh\necho "$@" >> asked\ntest -e stopped\n')
    assert (make(project, "clean")[0], program.exists()) == (2, True)
    (project / "stopped").touch()
    assert (make(project, "clean")[0], program.exists()) == (0, False)
    assert make(project, "clean") == (0, "", ["down", "down"])
