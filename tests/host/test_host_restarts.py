"""When something that dies is started again, as a table of deaths; the clock is the test's."""

from __future__ import annotations

import pytest

from orbit_jupyter.host.restarts import Restarts

CASES = {
    "each death within the window doubles the wait": ([0, 1, 2, 3], [0.5, 1.0, 2.0, 4.0]),
    "the limit within the window is the end": ([0, 1, 2, 3, 4], [0.5, 1.0, 2.0, 4.0, None]),
    "a death when the window is over counts alone": ([0, 60, 120, 180, 240], [0.5] * 5),
    "old deaths drop out one by one": ([0, 20, 40, 59, 61, 62], [0.5, 1.0, 2.0, 4.0, 4.0, None]),
    "just within the window is within": ([0, 10, 20, 30, 59.9], [0.5, 1.0, 2.0, 4.0, None]),
    "just at its end is out": ([0, 10, 20, 30, 60], [0.5, 1.0, 2.0, 4.0, 4.0]),
}


@pytest.mark.parametrize(("deaths", "waits"), CASES.values(), ids=CASES)
def test_deaths_and_what_follows(deaths: list[float], waits: list[float | None]) -> None:
    now = iter(deaths)
    restarts = Restarts(5, 60.0, first=0.5, longest=30.0, clock=lambda: next(now))
    assert [restarts.after_death() for _ in deaths] == waits


def test_no_wait_is_longer_than_the_longest() -> None:
    restarts = Restarts(10, 60.0, first=0.5, longest=3.0, clock=lambda: 0.0)
    assert [restarts.after_death() for _ in range(6)] == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_with_a_limit_of_one_the_first_death_is_the_last() -> None:
    assert Restarts(1, 60.0, first=0.5, longest=3.0).after_death() is None
