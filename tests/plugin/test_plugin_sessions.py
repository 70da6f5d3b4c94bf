"""Sessions: handles with a time to live, on a clock that the test moves."""

from __future__ import annotations

import pytest

from orbit_jupyter.plugin import PluginSession, SessionExpiredError, SessionNotFoundError, SessionTable


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def table_of(clock: Clock, *sids: str, ttl: float = 60) -> SessionTable:
    table = SessionTable(ttl, clock)
    for sid in sids:
        table.add(PluginSession(sid))
    return table


def sids(sessions: list[PluginSession]) -> list[str]:
    return [session.sid for session in sessions]


def test_session_that_lay_idle_expires_and_says_so(clock: Clock) -> None:
    table = table_of(clock, "a", "b")
    clock.now += 61
    assert sids(table.expire()) == ["a", "b"]
    assert (len(table), list(table), table.expire()) == (0, [], [])
    with pytest.raises(SessionExpiredError, match="more than 60 s") as caught:
        table.use("a")
    assert caught.value.status == 410
    with pytest.raises(SessionExpiredError):
        table.remove("b")


def test_session_has_expired_also_before_anyone_has_looked(clock: Clock) -> None:
    table = table_of(clock, "a")
    clock.now += 61
    with pytest.raises(SessionExpiredError):
        table.use("a")
    assert sids(table.expire()) == ["a"]


def test_session_that_never_was_is_not_found(clock: Clock) -> None:
    with pytest.raises(SessionNotFoundError, match="no session 'x'") as caught:
        table_of(clock, "a").use("x")
    assert caught.value.status == 404


def test_use_begins_the_time_anew(clock: Clock) -> None:
    table = table_of(clock, "used", "idle")
    clock.now += 40
    assert table.use("used").sid == "used"
    clock.now += 40
    assert sids(table.expire()) == ["idle"]
    assert list(table) == ["used"]
    clock.now += 40
    assert sids(table.expire()) == ["used"]


def test_session_is_kept_until_its_time_is_over_and_not_only_nearly(clock: Clock) -> None:
    table = table_of(clock, "a")
    clock.now += 60
    assert table.expire() == []


def test_unregistered_session_is_not_found_any_more_but_not_expired(clock: Clock) -> None:
    table = table_of(clock, "a", "b")
    assert table.remove("a").sid == "a"
    assert list(table) == ["b"]
    with pytest.raises(SessionNotFoundError):
        table.use("a")
    with pytest.raises(SessionNotFoundError):
        table.remove("a")


def test_session_without_a_time_to_live_never_expires(clock: Clock) -> None:
    table = table_of(clock, "a", ttl=0)
    clock.now += 1e9
    assert table.expire() == []
    assert table.use("a").sid == "a"


def test_only_so_many_expired_ids_are_remembered(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionTable, "REMEMBERED", 2)
    table = table_of(clock, "a", "b", "c")
    clock.now += 61
    table.expire()
    with pytest.raises(SessionNotFoundError):
        table.use("a")
    for sid in ("b", "c"):
        with pytest.raises(SessionExpiredError):
            table.use(sid)


@pytest.mark.asyncio
async def test_closed_session_refuses_to_work() -> None:
    session = PluginSession("a", anything="goes")
    session._check_active()
    assert await session.close() == {}
    with pytest.raises(RuntimeError, match="session a is closed"):
        session._check_active()
