"""Who is called for a notification, in which order and in which thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orbit_jupyter.client.callbacks import CallbackTable, Dispatcher, Key
from orbit_jupyter.plugin import Callback


def named(name: str) -> Callback:
    def callback(_endpoint: str, _plugin: str, _topic: str, _data: dict[str, Any]) -> None:
        """Do nothing."""

    callback.__name__ = name
    return callback


LEVELS: dict[str, Key] = {
    "all": (None, None, None),
    "endpoint": ("hpc1", None, None),
    "plugin anywhere": (None, "psij", None),
    "topic anywhere": (None, None, "job_status"),
    "plugin": ("hpc1", "psij", None),
    "topic of endpoint": ("hpc1", None, "job_status"),
    "topic of plugin anywhere": (None, "psij", "job_status"),
    "topic": ("hpc1", "psij", "job_status"),
    "other endpoint": ("hpc2", "psij", "job_status"),
    "other plugin": ("hpc1", "rhapsody", "job_status"),
    "other topic": ("hpc1", "psij", "output"),
}


@pytest.mark.parametrize(
    ("endpoint", "plugin", "topic", "called"),
    [
        (
            "hpc1",
            "psij",
            "job_status",
            list(LEVELS)[:8],
        ),
        ("hpc1", "psij", "output", ["all", "endpoint", "plugin anywhere", "plugin", "other topic"]),
        ("hpc1", "sysinfo", "job_status", ["all", "endpoint", "topic anywhere", "topic of endpoint"]),
        (
            "hpc2",
            "psij",
            "job_status",
            ["all", "plugin anywhere", "topic anywhere", "topic of plugin anywhere", "other endpoint"],
        ),
        ("hpc3", "sysinfo", "metrics", ["all"]),
    ],
)
def test_every_level_that_fits_is_called_the_most_general_first(
    endpoint: str, plugin: str, topic: str, called: list[str]
) -> None:
    table = CallbackTable()
    for name, key in reversed(LEVELS.items()):
        table.add(key, named(name))
    assert [one.__name__ for one in table.matching(endpoint, plugin, topic)] == called


def test_callback_that_is_registered_twice_or_at_two_levels_is_called_once() -> None:
    table, callback = CallbackTable(), named("mine")
    for key in ("all", "topic", "topic"):
        table.add(LEVELS[key], callback)
    assert table.matching("hpc1", "psij", "job_status") == [callback]
    table.remove(LEVELS["topic"], callback)
    assert table.matching("hpc1", "psij", "job_status") == [callback]
    table.remove(LEVELS["all"], callback)
    assert table.matching("hpc1", "psij", "job_status") == []


def test_one_or_all_callbacks_of_a_level_are_taken_back_and_what_is_not_there_is_no_error() -> None:
    table = CallbackTable()
    first, second, third = named("first"), named("second"), named("third")
    for callback in (first, second, third):
        table.add(LEVELS["topic"], callback)
    table.remove(LEVELS["topic"], second)
    table.remove(LEVELS["topic"], second)
    table.remove(LEVELS["plugin"], first)
    assert table.matching("hpc1", "psij", "job_status") == [first, third]
    table.remove(LEVELS["topic"], None)
    table.remove(LEVELS["topic"], None)
    assert table.matching("hpc1", "psij", "job_status") == []


# -- the dispatcher -----------------------------------------------------------------------------------------------


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    yield dispatcher
    dispatcher.close()


def test_calls_are_made_in_order_in_one_thread_of_their_own(dispatcher: Dispatcher) -> None:
    called: list[tuple[int, str]] = []
    for n in range(100):
        dispatcher.put(lambda n=n: called.append((n, threading.current_thread().name)))  # type: ignore[misc]
    dispatcher.close()
    assert called == [(n, "orbit-callbacks") for n in range(100)]


def test_callback_that_fails_is_logged_and_the_next_is_called(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Event()

    def fail() -> None:
        raise ValueError("mine to fix")

    dispatcher.put(fail)
    dispatcher.put(called.set)
    assert called.wait(10)
    assert "a callback failed" in caplog.text
    assert "mine to fix" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_callback_that_calls_sys_exit_does_not_end_the_others(dispatcher: Dispatcher) -> None:
    called = threading.Event()

    def leave() -> None:
        raise SystemExit

    dispatcher.put(leave)
    dispatcher.put(called.set)
    assert called.wait(0.5)


def blocked(room: int) -> tuple[Dispatcher, Callable[[], None]]:
    """Return a dispatcher that is busy with a first call, and what lets go of it."""
    dispatcher, busy, gate = Dispatcher(room), threading.Event(), threading.Event()

    def wait() -> None:
        busy.set()
        assert gate.wait(10)

    dispatcher.put(wait)
    assert busy.wait(10)
    return dispatcher, gate.set


def test_beyond_its_room_the_oldest_calls_are_given_up_and_the_log_says_how_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dispatcher, let_go = blocked(room=3)
    called: list[int] = []
    for n in range(10):
        dispatcher.put(lambda n=n: called.append(n))  # type: ignore[misc]
    let_go()
    dispatcher.close()
    assert called == [7, 8, 9]
    assert [record.getMessage() for record in caplog.records] == [
        "callbacks are too slow: 7 notifications were dropped"
    ]


def test_putting_never_waits_for_a_slow_callback() -> None:
    dispatcher, let_go = blocked(room=1000)
    for _ in range(1000):
        dispatcher.put(lambda: None)
    let_go()
    dispatcher.close()


def test_closing_one_that_never_worked_or_from_its_own_callback_is_fine() -> None:
    Dispatcher().close()
    dispatcher, closed = Dispatcher(), threading.Event()

    def close() -> None:
        dispatcher.close()
        closed.set()

    dispatcher.put(close)
    assert closed.wait(10)
