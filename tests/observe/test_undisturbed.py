"""The held share without what other processes took: of calls whose every nanosecond is known."""

import pytest

from gilfree.observe._probe import Call, undisturbed, undisturbed_share


def call(held, free, *, held_pause=0, free_pause=0, waiting=0, blocked=0, delay="all"):
    """A call that computes for so long, holding and detached, with pauses; `blocked` is spent holding, off the CPU."""
    holding = held + held_pause + blocked
    wall = holding + free + free_pause + waiting
    delay = held_pause + free_pause if delay == "all" else delay
    return Call(wall, holding, waiting, holding, 1, held, free, 0, 0, delay)


@pytest.mark.parametrize("waiting", [0, 500])
def test_a_call_left_alone_is_as_it_is(waiting):
    assert undisturbed(call(10, 90, waiting=waiting)) == pytest.approx(0.10)


def test_an_interrupted_hold_does_not_count_as_a_long_one():
    assert undisturbed(call(1, 999, held_pause=4000)) == pytest.approx(0.001)


def test_interruptions_while_detached_do_not_hide_a_hold():
    assert undisturbed(call(120, 880, free_pause=3000)) == pytest.approx(0.12)


def test_interruptions_of_both_are_told_apart_by_what_each_can_have_had():
    assert undisturbed(call(120, 880, held_pause=360, free_pause=2640)) == pytest.approx(0.12)


def test_a_hold_that_is_blocked_is_a_hold():
    assert undisturbed(call(1, 500, blocked=500)) == pytest.approx(0.5, abs=0.01)


def test_sleep_without_the_gil_is_no_delay():
    asleep = Call(1000, 2, 0, 2, 1, 2, 1, 0, 0, 0)
    assert undisturbed(asleep) == pytest.approx(0.002)


def test_where_the_system_tells_no_delay_only_the_cpu_time_of_holds_counts():
    assert undisturbed(call(1, 999, held_pause=4000, delay=None)) == pytest.approx(0.001)


def test_clocks_that_disagree_do_no_harm():
    assert undisturbed(Call(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) == 1.0
    assert undisturbed(Call(100, 100, 0, 100, 0, 105, 3, 0, 0, 50)) == 1.0
    assert 0 <= undisturbed(Call(100, 40, 0, 40, 1, 30, 90, 0, 0, 1000)) <= 1


def test_one_odd_call_changes_nothing():
    assert undisturbed_share([call(10, 90)] * 4 + [call(90, 10)]) == pytest.approx(0.10)
