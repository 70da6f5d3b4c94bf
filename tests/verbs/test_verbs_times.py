"""Lengths of time, as they are written and shown."""

from __future__ import annotations

import argparse

import pytest

from orbit_jupyter.verbs.times import clock, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), ("00:10:00", 600), ("1-02:00:05", 93605)],
)
def test_a_time_is_understood(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "", "0m", "10 m", "1:30", "m", "1h30", "-5m", "1:60:00"])
def test_a_time_that_could_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.9, "0:00"), (65, "1:05"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_a_clock_shows_hours_where_there_are_some(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
