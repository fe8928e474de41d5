"""Locks on files: who works is alone, and who only looks disturbs nobody."""

import fcntl
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Timer

import psutil
import pytest

from sentiment.core.locks import alone, held


@pytest.fixture
def lock(tmp_path) -> Path:
    return tmp_path / "training" / "at-work.lock"


def test_who_works_is_alone_and_is_seen(lock):
    busy = RuntimeError("somebody is at it")
    assert not held(lock)
    with alone(lock, busy):
        assert held(lock)
        with pytest.raises(RuntimeError, match="somebody is at it"), alone(lock, busy):
            pytest.fail("two were alone")
    assert not held(lock)
    with alone(lock, busy):
        assert held(lock)


def test_who_looks_is_not_taken_for_one_who_works(lock):
    with alone(lock, RuntimeError()):
        pass
    with ExitStack() as looking:
        fcntl.flock(looking.enter_context(lock.open()), fcntl.LOCK_SH)  # as another process that looks just now
        assert not held(lock)


def test_who_wants_to_work_waits_for_one_who_looks(lock):
    with alone(lock, RuntimeError()):
        pass
    looking = lock.open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    Timer(0.05, looking.close).start()
    with alone(lock, RuntimeError("somebody is at it")):
        assert held(lock)


def test_an_error_of_the_work_is_its_own(lock):
    with pytest.raises(BlockingIOError, match="a pipe is full"), alone(lock, RuntimeError("somebody is at it")):
        raise BlockingIOError("a pipe is full")


def test_a_program_holds_its_lock_until_what_it_started_has_ended_too(lock):
    lock.parent.mkdir()
    parent = "import os, time; print(os.fork() or time.sleep(600))"
    command = [sys.executable, "-m", "sentiment_local.holding", str(lock), sys.executable, "-c", parent]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        left = psutil.Process(int(program.stdout.readline()))
        program.wait(60)
        assert held(lock)
        assert subprocess.run(command, capture_output=True, check=False).returncode
        left.kill()
    wait_until_gone(left)
    assert not held(lock)


def wait_until_gone(process: psutil.Process) -> None:
    """A zombie of a parent that is gone may never be collected."""
    deadline = time.monotonic() + 60
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
