"""Present, suspect or lost, on a clock that the test moves."""

from __future__ import annotations

import pytest

from orbit_jupyter.link.liveness import Liveness, State

# What happens at a second: a look (and a ping goes out), or the far side is heard; and the judgement after it.
Step = tuple[str, float, State]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([("look", 5, "present"), ("look", 10, "suspect")], id="silent after a ping"),
        pytest.param(
            [("look", 5, "present"), *(("look", t, "suspect") for t in range(10, 35, 5)), ("look", 35, "lost")],
            id="lost thirty seconds after the ping",
        ),
        pytest.param(
            [
                ("look", 5, "present"),
                ("heard", 5.1, "present"),
                ("look", 10, "present"),
                ("heard", 14, "present"),
                ("look", 15, "present"),
            ],
            id="answers within five seconds",
        ),
        pytest.param(
            [
                ("look", 5, "present"),
                ("look", 10, "suspect"),
                ("heard", 11, "present"),
                ("look", 15, "present"),
                ("look", 20, "suspect"),
            ],
            id="comes back, and silence counts anew",
        ),
        pytest.param(
            [("look", 5, "present"), ("look", 30, "suspect"), ("look", 35, "suspect"), ("look", 50, "suspect")],
            id="our own loop was held up for twenty and ten seconds: they don't count",
        ),
        pytest.param([("look", 400, "present")], id="held up before the first look"),
        pytest.param(
            [("look", 5, "present"), ("look", 1000, "suspect"), ("heard", 1000, "present")],
            id="held up for a thousand seconds isn't lost",
        ),
    ],
)
def test_far_side_is_judged_by_its_silence_less_our_own_lag(steps: list[Step]) -> None:
    liveness = Liveness(0.0)
    for what, now, state in steps:
        got = liveness.look(now) if what == "look" else liveness.heard(now)
        assert (now, got) == (now, state)
        assert liveness.state == state


@pytest.mark.parametrize(
    ("suspect_after", "lost_after", "states"),
    [
        (1.0, 3.0, ["present", "suspect", "suspect", "lost"]),
        (2.0, 2.5, ["present", "present", "suspect", "lost"]),
        (0.5, 1.0, ["present", "lost", "lost", "lost"]),
    ],
)
def test_bounds_are_the_ones_that_were_given(suspect_after: float, lost_after: float, states: list[State]) -> None:
    liveness = Liveness(0.0, interval=1.0, suspect_after=suspect_after, lost_after=lost_after)
    assert [liveness.look(now) for now in (1.0, 2.0, 3.0, 4.0)] == states


@pytest.mark.parametrize(
    ("heard", "round_trip"),
    [
        ([(5.5, None)], None),
        ([(5.75, 5.0)], 0.75),
        ([(5.75, 5.0), (6.0, None)], 0.75),
        ([(5.75, 99.0)], 0.0),  # a time that we never sent
    ],
)
def test_round_trip_is_what_a_pong_s_own_time_says(
    heard: list[tuple[float, float | None]], round_trip: float | None
) -> None:
    liveness = Liveness(0.0)
    liveness.look(5.0)
    for now, ping_time in heard:
        liveness.heard(now, ping_time)
    assert liveness.round_trip == round_trip
