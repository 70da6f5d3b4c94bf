"""Events that wait for the bridge's acknowledgement."""

from __future__ import annotations

import pytest

from orbit_jupyter.endpoint.outbox import Outbox
from orbit_jupyter.protocol import Event, Events


def event(n: int, size: int = 3) -> Event:
    return Event("p", str(n), b"x" * size)


def outbox_of(count: int, **bounds: int) -> Outbox:
    outbox = Outbox("epoch", None, **bounds)
    for n in range(1, count + 1):
        outbox.append(event(n))
    return outbox


def numbers(batch: Events | None) -> list[int]:
    """Return the numbers of a batch, which its events were given when they were made."""
    if batch is None:
        return []
    assert batch.epoch == "epoch"
    assert [int(one.topic) for one in batch.events] == [batch.first + n for n in range(len(batch.events))]
    return [int(one.topic) for one in batch.events]


def drained(outbox: Outbox) -> list[list[int]]:
    batches = []
    while (batch := outbox.next()) is not None:
        batches.append(numbers(batch))
    return batches


def all_of(outbox: Outbox) -> list[int]:
    return [number for batch in drained(outbox) for number in batch]


def test_events_are_numbered_from_one_and_sent_once() -> None:
    outbox = outbox_of(3)
    assert drained(outbox) == [[1, 2, 3]]
    assert drained(outbox) == []
    outbox.append(event(4))
    assert drained(outbox) == [[4]]


def test_empty_outbox_has_nothing_to_send() -> None:
    outbox = Outbox("epoch")
    outbox.acknowledged("epoch", 0)
    outbox.rewind(0)
    assert outbox.next() is None


@pytest.mark.parametrize(
    ("last_seen", "again"),
    [(0, [1, 2, 3, 4, 5]), (2, [3, 4, 5]), (4, [5]), (5, []), (9, [])],
)
def test_what_the_bridge_has_not_seen_is_sent_again_after_a_reconnect(last_seen: int, again: list[int]) -> None:
    outbox = outbox_of(5)
    drained(outbox)
    outbox.rewind(last_seen)
    assert all_of(outbox) == again
    outbox.append(event(6))
    assert drained(outbox) == [[6]]


@pytest.mark.parametrize(
    ("acknowledged", "last_seen", "again"), [(3, 0, [4, 5]), (3, 4, [5]), (5, 0, []), (0, 0, [1, 2, 3, 4, 5])]
)
def test_what_was_acknowledged_is_forgotten(acknowledged: int, last_seen: int, again: list[int]) -> None:
    outbox = outbox_of(5)
    drained(outbox)
    outbox.acknowledged("epoch", acknowledged)
    outbox.rewind(last_seen)
    assert all_of(outbox) == again


def test_acknowledgement_of_another_epoch_counts_for_nothing() -> None:
    outbox = outbox_of(3)
    drained(outbox)
    outbox.acknowledged("last year's", 3)
    outbox.rewind(0)
    assert drained(outbox) == [[1, 2, 3]]


def test_acknowledgement_while_events_wait_sends_none_of_them_twice_and_loses_none() -> None:
    outbox = outbox_of(3)
    drained(outbox)
    for n in (4, 5):
        outbox.append(event(n))
    outbox.acknowledged("epoch", 2)
    assert drained(outbox) == [[4, 5]]
    outbox.acknowledged("epoch", 5)
    outbox.append(event(6))
    assert drained(outbox) == [[6]]


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ({"max_events": 4}, [7, 8, 9, 10]),
        ({"max_bytes": 9}, [8, 9, 10]),
        ({"max_bytes": 11}, [8, 9, 10]),
        ({"max_events": 2, "max_bytes": 9}, [9, 10]),
        ({"max_bytes": 2}, []),
    ],
)
def test_beyond_its_bound_the_oldest_are_given_up_and_leave_a_hole(
    bounds: dict[str, int], kept: list[int]
) -> None:
    outbox = outbox_of(10, **bounds)
    assert all_of(outbox) == kept
    outbox.append(event(11, size=1))
    assert drained(outbox) == [[11]]


def test_room_that_an_acknowledgement_frees_is_used_again() -> None:
    outbox = outbox_of(3, max_bytes=9)
    outbox.acknowledged("epoch", 3)
    for n in (4, 5, 6):
        outbox.append(event(n))
    assert drained(outbox) == [[4, 5, 6]]


def test_events_given_up_while_the_bridge_is_away_are_a_hole_between_what_it_has_and_what_comes() -> None:
    outbox = outbox_of(3, max_events=4)
    drained(outbox)
    for n in range(4, 11):
        outbox.append(event(n))
    outbox.rewind(2)
    assert drained(outbox) == [[7, 8, 9, 10]]


def test_batches_are_bounded_in_number() -> None:
    outbox = outbox_of(Outbox.BATCH_EVENTS * 2 + 1)
    assert [len(batch) for batch in drained(outbox)] == [Outbox.BATCH_EVENTS, Outbox.BATCH_EVENTS, 1]


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([1.0, 0.5, 0.5, 0.25], [[1], [2, 3], [4]]),
        ([0.4, 0.4, 0.4], [[1, 2], [3]]),
        ([2.0, 2.0], [[1], [2]]),  # more than a batch may hold goes alone
    ],
)
def test_batches_are_bounded_in_bytes(sizes: list[float], batches: list[list[int]]) -> None:
    outbox = Outbox("epoch")
    for n, size in enumerate(sizes, 1):
        outbox.append(event(n, int(size * Outbox.BATCH_BYTES)))
    assert drained(outbox) == batches
