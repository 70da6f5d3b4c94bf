"""What is told of the queues from one look to the next."""

from __future__ import annotations

from told_batch import queue

from orbit_plugins.queue_info.watch import QueueState, QueueWatch


def told_of(*looks: list[object]) -> list[QueueState]:
    told: list[QueueState] = []
    watch = QueueWatch(told.append, clock=lambda: 7.0)
    for look in looks:
        watch.see(look)  # type: ignore[arg-type]
    return told


def test_of_the_first_look_and_of_one_like_the_last_nothing_is_told() -> None:
    assert told_of([queue("a")], [queue("a")]) == []


def test_state_and_nodes_are_told() -> None:
    assert told_of([queue("a"), queue("b")], [queue("a", state="DOWN", nodes_available=1), queue("b")]) == [
        {
            "queue": "a",
            "state": "DOWN",
            "previous_state": "UP",
            "nodes_total": 4,
            "nodes_available": 1,
            "nodes_down": 3,
            "time": 7.0,
        }
    ]


def test_nodes_that_go_down_or_are_new_are_told_without_another_state() -> None:
    told = told_of([queue("a")], [queue("a", nodes_available=3)], [queue("a", nodes_total=5, nodes_available=3)])
    assert [(one["state"], one["nodes_total"], one["nodes_down"]) for one in told] == [("UP", 4, 1), ("UP", 5, 2)]


def test_which_nodes_are_idle_is_not_told() -> None:
    """It changes with every job."""
    assert told_of([queue("a", nodes_idle=4)], [queue("a", nodes_idle=0)]) == []


def test_queues_that_come_and_go_are_told() -> None:
    told = told_of([queue("a")], [queue("b")])
    assert [(one["queue"], one["state"], one["previous_state"]) for one in told] == [
        ("a", "GONE", "UP"),
        ("b", "UP", None),
    ]
