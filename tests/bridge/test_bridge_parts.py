"""The parts below Tornado: tokens, event log, received events."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orbit_jupyter.bridge.event_log import EventLog, Interest, Reader
from orbit_jupyter.bridge.extension import OrbitExtension
from orbit_jupyter.bridge.handlers.events import EventsHandler
from orbit_jupyter.bridge.identity import persisted_id, write_runtime_file
from orbit_jupyter.bridge.received import Received
from orbit_jupyter.bridge.tokens import TokenStore, parse_duration
from orbit_jupyter.protocol import Event, Events, InvalidFieldError, ResourceNotFoundError


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return TokenStore(tmp_path / "tokens")


def test_a_token_is_verified_and_its_secret_is_kept_nowhere(store: TokenStore) -> None:
    token, record = store.create("hpc1", "ann")
    grant = store.verify(token)
    assert grant is not None
    assert (grant.id, grant.pattern, grant.owner) == (record.id, "hpc1", "ann")
    secret = token.split("_", 2)[2]
    (path,) = store.folder.iterdir()
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_a_wrong_token_is_not_verified(store: TokenStore) -> None:
    token, record = store.create("hpc1", "ann")
    other, _ = store.create("hpc1", "ann")
    mixed = f"orbit_{record.id}_{other.split('_', 2)[2]}"
    for wrong in ("", "x", token[:-1], token + "a", mixed, "orbit_../../etc_" + "a" * 43):
        assert store.verify(wrong) is None
    assert store.verify(token) is not None


def test_a_revoked_token_holds_no_more(store: TokenStore) -> None:
    token, record = store.create("hpc1", "ann")
    grant = store.verify(token)
    assert grant is not None
    assert store.holds(grant, "hpc1")
    assert not store.holds(grant, "hpc2")
    assert [gone.id for gone in store.revoke("hpc1")] == [record.id]
    assert not store.holds(grant, "hpc1")
    assert store.verify(token) is None
    with pytest.raises(ResourceNotFoundError):
        store.revoke("hpc1")


def test_a_lent_token_lives_in_this_process_alone(store: TokenStore) -> None:
    token = store.lend("local", "ann")
    assert store.verify(token) is not None
    assert TokenStore(store.folder).verify(token) is None
    assert not store.folder.exists()


def test_a_damaged_record_lets_nobody_in_and_breaks_no_listing(store: TokenStore) -> None:
    token, record = store.create("hpc1", "ann")
    kept, _ = store.create("hpc2", "ann")
    (store.folder / f"{record.id}.json").write_text("{")
    assert store.verify(token) is None
    assert store.verify(kept) is not None
    assert [record.name for record in store.records()] == ["hpc2"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("never", None),
        ("45s", 45),
        ("15m", 900),
        ("12h", 43_200),
        ("2w", 1_209_600),
        ("36500d", 3_153_600_000),
    ],
)
def test_durations_are_read(text: str | None, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "0d", "1.5h", "30 d", "30d!", "9" * 10 + "s", "9" * 400 + "d", "9" * 5000 + "d"]
)
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="write 30d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999w"])
def test_a_duration_beyond_any_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="over 100 years") as caught:
        parse_duration(text)
    assert caught.value.data["field"] == "expires"


@pytest.mark.parametrize(
    ("given", "seen", "place"),
    [
        ("e-3", ("e", 3), (3, False)),
        ("", None, None),
        ("e-6", ("e", 6), (5, True)),
        ("old-3", ("old", 3), (5, True)),
        ("e-", ("e-", 0), (5, True)),
        ("e-²", ("e-²", 0), (5, True)),
        ("e-" + "9" * 19, ("e-" + "9" * 19, 0), (5, True)),
        ("e--1", ("e-", 1), (5, True)),
    ],
)
def test_a_reader_goes_on_behind_a_number_of_this_log_and_hears_of_a_gap_behind_any_other(
    given: str, seen: tuple[str, int] | None, place: tuple[int, bool] | None
) -> None:
    handler = SimpleNamespace(request=SimpleNamespace(headers={"Last-Event-ID": given}))
    assert EventsHandler._seen(cast(Any, handler)) == seen
    log = EventLog("e")
    log.append("hpc1", "ann", [event(number) for number in range(5)])
    assert seen is None or log.place(*seen) == place


@pytest.mark.parametrize("name", ["", "a b", "a/b*", "bridge", "*" * 64])
def test_a_token_for_an_impossible_name_is_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(InvalidFieldError):
        store.create(name, "ann")


def event(number: int, topic: str = "t", owner: str = "") -> Event:
    return Event("p", topic, str(number).encode(), owner=owner)


def read_all(reader: Reader) -> tuple[int, list[int]]:
    missed, numbers = 0, []
    while reader.behind:
        gap, batch = reader.read()
        missed += gap
        numbers += [int(logged.event.data) for logged in batch]
    return missed, numbers


def test_a_reader_gets_each_event_once_and_in_order() -> None:
    log = EventLog("e")
    reader = Reader(log, Interest())
    for number in range(0, 1000, 10):
        log.append("hpc1", "ann", [event(number + n) for n in range(10)])
    assert read_all(reader) == (0, list(range(1000)))
    assert not reader.behind


def test_a_reader_that_falls_behind_is_told_how_much_it_missed() -> None:
    log = EventLog("e", max_events=10)
    reader = Reader(log, Interest())
    for number in range(25):
        log.append("hpc1", "ann", [event(number)])
    assert read_all(reader) == (15, list(range(15, 25)))


def test_the_log_is_bounded_by_bytes_too() -> None:
    log = EventLog("e", max_bytes=100)
    for _ in range(50):
        log.append("hpc1", "ann", [Event("p", "t", b"x" * 10)])
    assert len(log.entries) == 10


def test_a_reader_far_behind_looks_at_a_bounded_number_at_a_time() -> None:
    log = EventLog("e")
    reader = Reader(log, Interest(topic="rare"))
    log.append("hpc1", "ann", [event(number) for number in range(5000)])
    log.append("hpc1", "ann", [event(1, topic="rare")])
    assert reader.read() == (0, [])
    assert reader.behind
    assert read_all(reader) == (0, [1])


@pytest.mark.parametrize(
    ("interest", "numbers"),
    [
        (Interest(), [0, 1, 2, 3]),
        (Interest(endpoint="b"), [1, 3]),
        (Interest(topic="u"), [2, 3]),
        (Interest(plugin="q"), []),
        (Interest(user="ann"), [0, 1, 2]),
        (Interest(user="bob"), [3]),
    ],
)
def test_a_reader_gets_what_it_wants_and_may_see(interest: Interest, numbers: list[int]) -> None:
    log = EventLog("e")
    reader = Reader(log, interest)
    log.append("a", "ann", [event(0)])
    log.append("b", "ann", [event(1)])
    log.append("a", "ann", [event(2, "u")])
    log.append("b", "bob", [event(3, "u", owner="ann")])
    assert read_all(reader) == (0, numbers)


def test_events_that_were_sent_again_are_entered_once() -> None:
    received = Received()
    one, two, three = event(1), event(2), event(3)
    assert received.new("a", Events("e", 1, [one, two])) == (0, [one, two])
    assert received.new("a", Events("e", 1, [one, two, three])) == (0, [three])
    assert received.new("a", Events("e", 2, [two])) == (0, [])
    assert received.last("a", "e") == 0  # it came, and nobody holds it yet
    received.hold("a", received.position("a"))
    assert received.last("a", "e") == 3
    assert received.new("a", Events("e", 6, [one])) == (2, [one])
    assert received.new("a", Events("new", 1, [two])) == (0, [two])
    assert received.last("a", "new") == 0


@pytest.mark.parametrize(
    ("local_endpoint", "under_a_hub", "wanted"),
    [
        ("auto", False, True),
        ("auto", True, False),
        ("on", False, True),
        ("on", True, True),
        ("off", False, False),
        ("off", True, False),
    ],
)
def test_whether_there_is_a_local_endpoint(
    local_endpoint: str, under_a_hub: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if under_a_hub:
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    extension = OrbitExtension(local_endpoint=local_endpoint)
    assert extension._without_local() is not wanted


def test_the_bridges_id_stays(tmp_path: Path) -> None:
    path = tmp_path / "orbit" / "bridge.id"
    first = persisted_id(path)
    assert first
    assert persisted_id(path) == first
    assert [entry.name for entry in path.parent.iterdir()] == ["bridge.id"]


def test_the_runtime_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "orbit-1.json"
    for url in ("http://a/orbit", "http://b/orbit"):
        write_runtime_file(path, url, "secret", None)
    assert "http://b/orbit" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
