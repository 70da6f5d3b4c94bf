"""Who waits for which answer: the two tables of a link."""

from __future__ import annotations

import pytest

from orbit_jupyter.link.calls import Incoming, Outgoing
from orbit_jupyter.protocol import Cancel, Credit, Data, OverloadedError


def reason_of(frame: Cancel | Data | Credit) -> str:
    assert isinstance(frame, Cancel)
    return frame.reason


def test_ids_of_outgoing_calls_are_never_used_again() -> None:
    table: Outgoing[str] = Outgoing(10)
    ids = [table.open("a"), table.open("b")]
    assert table.close(ids[1]) == "b"
    ids.append(table.open("c"))
    assert ids == [1, 2, 3]
    assert [table.get(1), table.get(3), len(table)] == ["a", "c", 2]


def test_answer_is_taken_once() -> None:
    table: Outgoing[str] = Outgoing(10)
    id = table.open("a")
    assert [table.close(id), table.close(id), table.close(4711)] == ["a", None, None]
    assert table.get(id) is None


def test_one_more_outgoing_call_than_the_limit_is_refused_until_one_ends() -> None:
    table: Outgoing[str] = Outgoing(2)
    first = table.open("a")
    table.open("b")
    with pytest.raises(OverloadedError, match="2 calls are under way") as caught:
        table.open("c")
    assert caught.value.data == {"retry_after": 1}
    table.close(first)
    table.open("c")
    assert table.close_all() == ["b", "c"]
    assert len(table) == 0
    assert table.close_all() == []


def test_incoming_call_is_answered_once() -> None:
    table = Incoming(10)
    assert table.refusal(5) is None
    assert [table.end(5), table.end(5), table.end(6)] == [True, False, False]
    assert table.refusal(5) is None


@pytest.mark.parametrize("listens", [True, False])
def test_call_whose_handler_listens_no_further_is_answered_once_too(listens: bool) -> None:
    table = Incoming(10)
    table.refusal(5)
    table.set_onward(5, (lambda _: None) if listens else None)
    table.cancel(5, "x")
    assert [table.end(5), table.end(5)] == [True, False]


def test_incoming_table_refuses_one_more_than_its_limit_and_an_id_in_use() -> None:
    table = Incoming(2)
    assert [table.refusal(5), table.refusal(6)] == [None, None]
    full, double = table.refusal(7), table.refusal(5)
    assert full is not None
    assert double is not None
    assert (full.id, full.code, full.status, full.transient, full.data) == (
        7,
        "overloaded",
        503,
        True,
        {"retry_after": 1},
    )
    assert (double.id, double.code, double.status) == (5, "protocol-error", 502)
    assert len(table) == 2


def test_cancel_reaches_the_handler_of_its_call_alone() -> None:
    table, told = Incoming(10), list[tuple[int, str]]()
    for id in (5, 6):
        table.refusal(id)
        table.set_onward(id, lambda frame, id=id: told.append((id, reason_of(frame))))  # type: ignore[misc]
    table.cancel(5, "no")
    table.cancel(7, "never was")
    assert told == [(5, "no")]
    assert table.end(5)
    table.cancel(5, "too late")
    table.set_onward(5, lambda frame: told.append((0, reason_of(frame))))
    table.cancel_all("gone")
    assert told == [(5, "no"), (6, "gone")]
    assert len(table) == 0
    assert not table.end(6)
