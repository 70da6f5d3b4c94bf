"""A thread that does something again and again, driven by its events."""

from __future__ import annotations

import logging
import queue
import threading

import pytest

from orbit_plugins.sysinfo.ticker import Ticker

LONG = 3600.0


class Work:
    """Notes each call, and answers what the test has put down for it."""

    def __init__(self, *waits: float | None) -> None:
        self.calls: queue.Queue[str] = queue.Queue()
        self._waits = list(waits)

    def __call__(self) -> float | None:
        self.calls.put(threading.current_thread().name)
        return self._waits.pop(0) if self._waits else LONG

    def called(self) -> str:
        return self.calls.get(timeout=30)


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def end(ticker: Ticker, name: str) -> None:
    ticker.close()
    ticker.join(30)
    assert threads(name) == []


def test_work_is_done_at_once_and_again_after_its_time() -> None:
    work = Work(0.0, 0.0)
    ticker = Ticker(work, "tick-again")
    ticker.wake()
    assert [work.called() for _ in range(3)] == ["tick-again"] * 3
    end(ticker, "tick-again")


def test_wake_up_comes_before_the_time_is_over_and_starts_no_second_thread() -> None:
    work = Work()
    ticker = Ticker(work, "tick-wake")
    ticker.wake()
    work.called()
    ticker.wake()
    work.called()
    assert len(threads("tick-wake")) == 1
    end(ticker, "tick-wake")


def test_thread_ends_when_there_is_nothing_to_do_and_a_wake_up_starts_another() -> None:
    work = Work(None)
    ticker = Ticker(work, "tick-idle")
    ticker.wake()
    work.called()
    for thread in threads("tick-idle"):
        thread.join(30)
    assert threads("tick-idle") == []
    ticker.wake()
    work.called()
    end(ticker, "tick-idle")


def test_closed_ticker_does_nothing_more() -> None:
    work = Work()
    ticker = Ticker(work, "tick-closed")
    ticker.close()
    ticker.wake()
    assert threads("tick-closed") == []
    assert work.calls.empty()


def test_work_that_fails_is_logged_and_done_again_when_it_is_woken(caplog: pytest.LogCaptureFixture) -> None:
    calls: queue.Queue[int] = queue.Queue()

    def work() -> float:
        calls.put(1)
        raise ZeroDivisionError("no")

    ticker = Ticker(work, "tick-fail")
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            ticker.wake()
            calls.get(timeout=30)
        end(ticker, "tick-fail")
    assert [record.getMessage() for record in caplog.records] == ["tick-fail failed"] * 2
