"""Subscriptions: when the metrics are read, for whom, and when not. No thread: the test ticks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orbit_plugins.sysinfo.publisher import LOOK, SHORTEST, Publisher
from orbit_plugins.sysinfo.ticker import Ticker


class StillTicker(Ticker):
    """Has no thread."""

    def wake(self) -> None:
        pass


class Bench:
    """A publisher with a clock, a reading and listeners of the test's own."""

    def __init__(self) -> None:
        self.now, self.readings, self.listening = 100.0, 0, True
        self.sent: list[dict[str, Any]] = []
        self.takes = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        self.publisher = Publisher(
            self.read, self.sent.append, lambda: self.listening, lambda: self.now, StillTicker
        )

    def read(self) -> dict[str, Any]:
        self.readings += 1
        self.now += self.takes
        self.meanwhile()
        return {"reading": self.readings}

    def tick(self, after: float = 0.0) -> float | None:
        self.now += after
        return self.publisher.tick()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_read_for_nobody(bench: Bench) -> None:
    assert bench.tick() is None
    assert bench.readings == 0


def test_first_event_comes_at_once_and_the_next_after_the_interval(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    assert bench.tick() == 5
    assert bench.tick(4) == 1
    assert bench.tick(1) == 5
    assert bench.sent == [{"reading": 1}, {"reading": 2}]


def test_two_subscriptions_share_one_reading_at_the_smaller_interval(bench: Bench) -> None:
    bench.publisher.subscribe("a", 60)
    bench.publisher.subscribe("b", 2)
    assert bench.tick() == 2
    assert bench.readings == 1
    bench.publisher.unsubscribe("b")
    bench.tick(2)
    assert bench.tick() == 60


def test_while_nobody_listens_nothing_is_read_and_it_goes_on_when_somebody_does(bench: Bench) -> None:
    bench.publisher.subscribe("a", 600)
    bench.listening = False
    assert bench.tick() == LOOK
    assert bench.tick(1000) == LOOK
    assert bench.readings == 0
    bench.listening = True
    bench.tick(LOOK)
    assert bench.readings == 1


def test_reading_that_is_slower_than_the_interval_is_not_followed_by_another_at_once(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    bench.takes = 7
    assert bench.tick() == 5


def test_time_that_a_reading_takes_is_part_of_the_interval(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    bench.takes = 2
    assert bench.tick() == 3


def test_subscribing_again_and_again_causes_a_reading_a_second_at_most(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    bench.tick()
    bench.publisher.subscribe("a", 5)
    assert bench.tick() == SHORTEST
    assert bench.readings == 1


def test_reading_that_outlives_its_subscription_is_not_sent(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    bench.meanwhile = lambda: bench.publisher.unsubscribe("a")
    assert bench.tick() is None
    assert (bench.readings, bench.sent) == (1, [])


def test_closing_ends_every_subscription(bench: Bench) -> None:
    bench.publisher.subscribe("a", 5)
    bench.publisher.close()
    assert bench.tick() is None
    assert bench.sent == []
