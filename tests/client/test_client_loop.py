"""Blocking calls over a loop of their own, and the interrupt that reaches them."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from orbit_jupyter.client.classes import client_class_of
from orbit_jupyter.client.loop import LoopThread, shared_loop
from orbit_jupyter.plugin import Plugin, PluginClient


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    loop = LoopThread()
    yield loop
    loop.stop()


async def where(value: int = 0) -> tuple[int, str]:
    await asyncio.sleep(0)
    return value, threading.current_thread().name


def test_coroutine_runs_on_the_loop_s_thread_and_its_result_comes_back(loop: LoopThread) -> None:
    assert loop.run(where(7)) == (7, "orbit-client")


def test_exception_of_the_coroutine_is_raised_here(loop: LoopThread) -> None:
    async def fail() -> None:
        raise KeyError("walltime")

    with pytest.raises(KeyError, match="walltime"):
        loop.run(fail())


def test_several_threads_may_wait_at_once(loop: LoopThread) -> None:
    gate = asyncio.Event()
    results: list[str] = []

    async def wait() -> str:
        await gate.wait()
        return "through"

    async def open_gate() -> None:
        gate.set()

    threads = [threading.Thread(target=lambda: results.append(loop.run(wait()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    loop.run(open_gate())
    for thread in threads:
        thread.join(10)
    assert results == ["through"] * 3


def test_blocking_call_on_the_loop_s_own_thread_is_refused(loop: LoopThread) -> None:
    async def call_blocking() -> None:
        loop.run(where())

    with pytest.raises(RuntimeError, match=r"use orbit\.aio there"):
        loop.run(call_blocking())
    assert loop.run(where(1)) == (1, "orbit-client")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT raise KeyboardInterrupt, also in a run that was started in the background and ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def main_thread_waits() -> bool:
    """Return whether the main thread is within a wait for a future."""
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    return frame.f_code is threading.Condition.wait.__code__


@pytest.mark.usefixtures("interruptible")
def test_interrupt_cancels_the_coroutine_and_is_raised_when_that_is_on_its_way(loop: LoopThread) -> None:
    cancelled = threading.Event()

    async def wait() -> None:
        try:
            while not main_thread_waits():
                await asyncio.sleep(0.01)
            while True:  # Python misses a signal that comes just before its thread falls asleep
                await asyncio.sleep(0.02)
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        loop.run(wait())
    assert cancelled.is_set()
    assert loop.run(where(1)) == (1, "orbit-client")


def test_shared_loop_is_one_for_the_process_and_replaced_when_it_has_ended() -> None:
    first = shared_loop()
    assert shared_loop() is first
    first.stop()
    second = shared_loop()
    assert second is not first
    assert second.run(where(1)) == (1, "orbit-client")
    second.stop()


# -- client classes -----------------------------------------------------------------------------------------------


class MineClient(PluginClient):
    pass


class Mine(Plugin):
    plugin_name = "mine-of-client-test"
    client_class = MineClient


class Plain(Plugin):
    plugin_name = "plain-of-client-test"


@pytest.mark.parametrize(
    ("plugin_type", "name"),
    [
        ("mine-of-client-test", "MineClient"),
        ("plain-of-client-test", "PluginClient"),
        ("psij", "PSIJClient"),
        ("not-installed-here", "PluginClient"),
        ("", "PluginClient"),
        ("no_such_module:Class", "PluginClient"),
    ],
)
def test_client_class_is_the_plugin_s_own_or_the_raw_one(plugin_type: str, name: str) -> None:
    assert client_class_of(plugin_type).__name__ == name


def test_type_that_an_endpoint_names_never_makes_the_client_import_a_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "this", raising=False)
    client_class_of("this:Zen")
    assert "this" not in sys.modules
