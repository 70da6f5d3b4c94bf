"""Whose call goes next, on a clock that the test moves."""

from __future__ import annotations

import pytest

from orbit_jupyter.bridge import fair_share
from orbit_jupyter.bridge.fair_share import FRAME_BYTES, UNDER_WAY, WAITING, YOUNG, FairShare


def sent(share: FairShare[str], key: str, now: float, count: int = YOUNG) -> list[int]:
    tickets = [share.go(key, now) for _ in range(count)]
    assert all(tickets)
    return tickets


def after(share: FairShare[str], now: float) -> list[str]:
    """Return what goes out now, in order."""
    found = []
    while (turn := share.next(now)) is not None:
        found.append(turn[2])
    return found


def test_calls_go_at_once_until_their_client_has_many_under_way() -> None:
    share = FairShare[str]()
    for _ in range(3 * YOUNG):
        share.ended("ann", share.go("ann", 0.0))
    sent(share, "ann", 0.0)
    assert share.go("ann", 0.5) == 0
    assert share.go("bea", 0.5) > 0


def test_client_whose_calls_are_all_answered_is_forgotten() -> None:
    share = FairShare[str]()
    tickets = sent(share, "ann", 0.0)
    ticket = share.wait("ann", "waits", 0, 60.0)
    share.leave("ann", ticket)
    assert [share.ended("ann", one) for one in tickets] == [False] * YOUNG
    assert (len(share), share.waiting) == (0, 0)


def test_an_answer_makes_room_for_one_call_and_those_that_wait_keep_their_order() -> None:
    share = FairShare[str]()
    tickets = sent(share, "ann", 0.0)
    for name in ("first", "second", "third"):
        assert share.wait("ann", name, 0, 60.0)
    assert after(share, 0.1) == []
    assert share.ended("ann", tickets[0])
    assert share.go("ann", 0.1) == 0  # what comes now doesn't pass those that wait
    assert after(share, 0.1) == ["first"]
    share.ended("ann", tickets[5])
    share.ended("ann", tickets[6])
    assert after(share, 0.1) == ["second", "third"]
    assert share.waiting == 0


def test_clients_have_their_turns_one_after_another() -> None:
    share = FairShare[str]()
    for key in "abc":
        sent(share, key, 0.0)
        for number in range(3):
            share.wait(key, f"{key}{number}", 0, 60.0)
    share.aged()
    assert after(share, 0.9) == []
    share.aged()
    assert after(share, 1.0) == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_calls_that_take_long_never_hold_up_the_others_of_their_client() -> None:
    share = FairShare[str]()
    long = sent(share, "ann", 0.0)
    assert share.go("ann", 0.99) == 0
    for round in range(1, 6):
        long += sent(share, "ann", float(round))
        assert share.go("ann", round + 0.99) == 0
    assert [share.ended("ann", one) for one in long] == [False] * len(long)
    assert len(share) == 0


def test_one_client_never_fills_a_link_that_others_need() -> None:
    share = FairShare[str]()
    now = 0.0
    tickets: list[int] = []
    while ticket := share.go("ann", now):
        tickets.append(ticket)
        now += 1.0
    assert len(tickets) == UNDER_WAY
    assert share.go("bea", now)
    share.ended("ann", tickets[0])
    assert share.go("ann", now)


def test_too_many_that_wait_are_refused() -> None:
    share = FairShare[str]()
    sent(share, "ann", 0.0)
    tickets = [share.wait("ann", "small", 0, 60.0) for _ in range(WAITING)]
    assert all(tickets)
    assert share.wait("ann", "one more", 0, 60.0) == 0
    sent(share, "bea", 0.0)
    assert share.wait("bea", "small", 0, 60.0)
    assert share.leave("ann", tickets[7]) == "small"
    assert share.wait("ann", "one more", 0, 60.0)
    assert share.waiting == WAITING + 1


def test_too_many_bytes_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_share, "WAITING_BYTES", 1000 + 2 * FRAME_BYTES)
    share = FairShare[str]()
    tickets = sent(share, "ann", 0.0)
    first = share.wait("ann", "large", 600, 60.0)
    assert share.wait("ann", "too large", 401, 60.0) == 0
    assert share.wait("ann", "small", 100 - FRAME_BYTES, 60.0)
    assert share.grow("ann", first, 300)
    assert not share.grow("ann", first, 1)
    share.ended("ann", tickets[0])
    assert after(share, 0.0) == ["large"]
    assert share.wait("ann", "large again", 900, 60.0)


def test_a_call_whose_time_is_over_waits_no_more() -> None:
    share = FairShare[str]()
    tickets = sent(share, "ann", 0.0)
    for name, until in (("never", float("inf")), ("soon", 3.0), ("sooner", 2.0), ("sent", 1.0), ("taken", 1.5)):
        ticket = share.wait("ann", name, 0, until)
        if name == "taken":
            assert share.leave("ann", ticket) == name
            assert share.leave("ann", ticket) is None
    assert share.overdue(0.9) == []
    assert share.overdue(1.0) == ["sent"]
    assert share.overdue(2.5) == ["sooner"]
    share.ended("ann", tickets[0])
    assert after(share, 0.9) == ["never"]
    assert share.overdue(3.0) == ["soon"]
    assert share.waiting == 0


def test_calls_that_come_and_are_taken_back_leave_nothing_behind() -> None:
    share = FairShare[str]()
    sent(share, "ann", 0.0)
    for _ in range(10_000):
        share.leave("ann", share.wait("ann", "changed my mind", 50, 600.0))
    assert share.waiting == 0
    assert len(share._ends) < 200
