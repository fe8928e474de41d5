"""When a component is started again, told by a clock that the test holds."""

from __future__ import annotations

from sentiment_local.supervision import (
    RESTARTS,
    SILENCE_SECONDS,
    START_SECONDS,
    WINDOW_SECONDS,
    Supervised,
)


def healthy(at: float = 1000.0) -> Supervised:
    one = Supervised("scheduler")
    assert one.order(at) == "launch"
    one.was_launched(at)
    one.gave_sign(at + 1)
    assert one.state == "healthy"
    return one


def test_a_component_is_started_shows_that_it_lives_and_is_left_alone():
    one = healthy()
    one.look(1030, excused=False)
    assert (one.state, one.order(1030)) == ("healthy", "none")


def test_the_last_heartbeat_of_the_process_before_is_no_sign_of_this_one():
    one = Supervised("scheduler")
    one.was_launched(1000)
    one.gave_sign(999)
    assert one.state == "starting"


def test_one_that_ended_is_started_again_after_pauses_that_grow():
    one, now, pauses = healthy(), 1000.0, []
    for _ in range(RESTARTS):
        one.ended(now, "it ended by itself")
        pauses.append(one.launch_at - now)
        assert one.order(one.launch_at - 0.1) == "none"
        assert one.order(one.launch_at) == "launch"
        now = one.launch_at
        one.was_launched(now)
    assert pauses == [1, 2, 4, 8, 16]


def test_after_five_starts_in_ten_minutes_it_is_given_up_until_they_are_over():
    one = healthy()
    for number in range(RESTARTS + 1):
        one.ended(1000.0 + number, "it ended by itself")
    assert one.state == "failed"
    assert one.order(1000 + WINDOW_SECONDS - 1) == "none"
    assert one.order(1000 + WINDOW_SECONDS) == "launch"


def test_ends_that_lie_far_apart_are_not_counted_together():
    one = healthy()
    for number in range(3 * RESTARTS):
        one.ended(1000 + number * WINDOW_SECONDS, "it ended by itself")
        assert one.launch_at - (1000 + number * WINDOW_SECONDS) == 1


def test_silence_is_ended_and_said():
    one = healthy()
    one.look(1001 + SILENCE_SECONDS, excused=False)
    assert one.order(1001 + SILENCE_SECONDS) == "none"
    one.look(1002 + SILENCE_SECONDS, excused=False)
    assert one.order(1002 + SILENCE_SECONDS) == "end"
    assert one.reason == "no sign of life for 121 s"


def test_a_first_sign_may_take_longer():
    one = Supervised("api-server")
    one.was_launched(1000)
    one.look(1000 + START_SECONDS, excused=False)
    assert one.state == "starting"
    one.look(1001 + START_SECONDS, excused=False)
    assert one.state == "silent"


def test_nobody_is_silent_while_nobody_can_hear_it():
    one = healthy()
    one.look(1000 + 10 * SILENCE_SECONDS, excused=True)
    one.look(1001 + 10 * SILENCE_SECONDS, excused=False)
    assert one.state == "healthy"
    one.look(1002 + 11 * SILENCE_SECONDS, excused=False)
    assert one.state == "silent"


def test_a_machine_that_slept_forgives_silence():
    starting, running = Supervised("mlflow"), healthy()
    starting.was_launched(1000)
    for one in (starting, running):
        one.forgive(9000)
        one.look(9000 + SILENCE_SECONDS - 1, excused=False)
        assert one.state in {"starting", "healthy"}


def test_a_clock_that_is_set_back_delays_no_start_and_drops_no_sign():
    back = -5 * 3600.0
    running, ended, begun = healthy(10**6), healthy(10**6), Supervised("mlflow")
    begun.was_launched(10**6)
    ended.ended(10**6 + 5, "it ended by itself")
    for one in (running, ended, begun):
        one.clock_was_set(back)
    now = 10**6 + 6 + back
    assert ended.order(now) == "launch"
    begun.gave_sign(now)
    assert begun.state == "healthy"
    running.look(now + SILENCE_SECONDS + 1, excused=False)
    assert running.reason == f"no sign of life for {SILENCE_SECONDS + 6:.0f} s"
