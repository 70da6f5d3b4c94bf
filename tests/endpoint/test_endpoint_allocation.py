"""When it is said that an allocation ends; on a real Slurm in tests/services/test_services_tunnels.py."""

from __future__ import annotations

import pytest

from orbit_jupyter.endpoint.allocation import LOOK, Countdown


def said(*looks: tuple[float, float]) -> list[float | None]:
    """Return what is due at each look, at (end, now)."""
    countdown = Countdown()
    return [countdown.next(end, now)[0] for end, now in looks]


def test_long_allocation_is_told_twice() -> None:
    looks = [(10_000.0, float(now)) for now in (0, 9_000, 9_401, 9_500, 9_881, 9_999)]
    assert said(*looks) == [None, None, 600.0, None, 120.0, None]


@pytest.mark.parametrize(
    ("length", "due"), [(601.0, None), (600.0, 600.0), (300.0, 600.0), (120.0, 120.0), (5.0, 120.0), (0.0, None)]
)
def test_short_allocation_is_told_at_once(length: float, due: float | None) -> None:
    assert said((length, 0.0)) == [due]


def test_of_two_that_are_due_only_the_last_is_told() -> None:
    assert said((100.0, 0.0), (100.0, 50.0)) == [120.0, None]


def test_end_that_was_moved_is_told_anew() -> None:
    assert said((600.0, 1.0), (4000.0, 2.0), (4000.0, 3401.0), (4000.0, 3900.0)) == [600.0, None, 600.0, 120.0]


def test_end_that_was_moved_a_little_is_not_told_again() -> None:
    assert said((600.0, 1.0), (601.0, 2.0), (700.0, 200.0)) == [600.0, None, None]


@pytest.mark.parametrize(
    ("left", "wait"),
    [(100_000.0, LOOK), (700.0, 100.0), (600.0, LOOK), (500.0, LOOK), (130.0, 10.0), (60.0, LOOK)],
)
def test_next_look_is_in_time_for_the_next_word(left: float, wait: float) -> None:
    assert Countdown().next(left, 0.0)[1] == pytest.approx(wait)
