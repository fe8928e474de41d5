"""Locks on files: who works is alone, and who only looks disturbs nobody."""

import fcntl
from contextlib import ExitStack
from pathlib import Path
from threading import Timer

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
