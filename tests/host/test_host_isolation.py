"""Plugins in a child process: a real one, which dies and comes back."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest
import pytest_asyncio

from orbit_jupyter.host import child_link
from orbit_jupyter.protocol import (
    CallCancelledError,
    DeadlineError,
    EndpointDisconnectedError,
    EndpointInfo,
    PluginError,
    PluginInfo,
    RouteNotFoundError,
    Topology,
)

if TYPE_CHECKING:
    from .conftest import Hosted, OpenHost

pytestmark = pytest.mark.asyncio

RISKY = """
import asyncio, os, pathlib, signal
from orbit_jupyter.plugin import Plugin

class Risky(Plugin):
    plugin_name = "risky"
    version = "3.1"
    isolation = "process"
    ui_config = {"title": "Risky"}

    def __init__(self, app):
        super().__init__(app)
        self.topology = {}
        self.heard = asyncio.Event()
        for name in ("where", "time_left", "tell", "die", "segfault", "fail", "wait", "topology_of"):
            self.add_route_get(name, getattr(self, name))

    def where(self, request):
        app, folder = self._app.state, str(self.folder)
        return {"pid": os.getpid(), "endpoint": app.endpoint_name, "role": app.role, "folder": folder}

    def time_left(self, request):
        return request.time_left

    def tell(self, request):
        self._dispatch_notify("risk", {"pid": os.getpid()}, "session.1", "ada")

    def die(self, request):
        os._exit(3)

    def segfault(self, request):
        os.kill(os.getpid(), signal.SIGSEGV)

    async def fail(self, request):
        raise KeyError("walltime")

    async def wait(self, request):
        self._dispatch_notify("begun", {})
        try:
            await asyncio.Event().wait()
        finally:
            self._dispatch_notify("cancelled", {})

    async def on_topology_change(self, endpoints):
        self.topology = endpoints
        self.heard.set()

    async def topology_of(self, request):
        await self.heard.wait()
        return self.topology
"""

RISKY_SOURCE = "risky_of_test:Risky"


def up(infos: dict[str, PluginInfo]) -> bool:
    return infos["risky"].enabled


def down(infos: dict[str, PluginInfo]) -> bool:
    return not infos["risky"].enabled


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest_asyncio.fixture
async def starting(hosted: Hosted, module: Callable[[str, str], None]) -> Hosted:
    """Return a host whose child is on its way up."""
    module("risky_of_test", RISKY)
    await hosted.host.load([RISKY_SOURCE])
    return hosted


@pytest_asyncio.fixture
async def risky(starting: Hosted) -> Hosted:
    await starting.until(up)
    return starting


async def test_calls_that_arrive_while_the_child_starts_wait_for_it(starting: Hosted) -> None:
    info = starting.host.infos()["risky"]
    assert (info.enabled, info.error) == (False, "is starting")
    asked = [starting.begin("GET", "/risky/where") for _ in range(3)]
    cancelled, never_begun = starting.begin("GET", "/risky/where"), starting.begin("GET", "/risky/where")
    late = starting.begin("GET", "/risky/where", time_left=0.001)
    timed = starting.begin("GET", "/risky/time_left", time_left=100.0)
    never_begun.cancel()
    with pytest.raises(DeadlineError, match="was still starting"):
        await late.value()
    cancelled.cancel()
    for one in (cancelled, never_begun):
        with pytest.raises(CallCancelledError):
            await one.value()
    pids = {(await one.value())["pid"] for one in asked}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert 40 < await timed.value() < 99.9  # what it waited for is taken off
    assert {len(one.answers) for one in (*asked, cancelled, never_begun, late, timed)} == {1}
    (pid,) = pids
    await starting.host.close()
    assert is_gone(pid)


async def test_plugin_in_a_child_is_called_and_heard_like_any_other(risky: Hosted) -> None:
    info = risky.host.infos()["risky"]
    assert (info.type, info.namespace, info.version, info.error) == ("risky", "/hpc1/risky", "3.1", None)
    assert info.ui_config == {"title": "Risky"}
    where = await risky.get("/risky/where")
    state = risky.host._app.state
    assert (where["endpoint"], where["role"], where["folder"]) == ("hpc1", "standalone", f"{state.folder}/risky")

    await risky.get("/risky/tell")
    event = await risky.events.get()
    assert (event.plugin, event.topic, event.session, event.owner) == ("risky", "risk", "session.1", "ada")
    assert msgspec.json.decode(event.data) == {"pid": where["pid"]}

    with pytest.raises(RouteNotFoundError):
        await risky.get("/risky/nope")
    with pytest.raises(PluginError, match="KeyError: 'walltime'") as caught:
        await risky.get("/risky/fail")
    assert "in fail" in (caught.value.remote_traceback or "")

    risky.host.tell(Topology({"hpc2": EndpointInfo({"state": "present"}, {"psij": info})}))
    assert await risky.get("/risky/topology_of") == {"hpc2": {"plugins": ["psij"]}}

    waiting = risky.begin("GET", "/risky/wait")
    assert (await risky.events.get()).topic == "begun"
    waiting.cancel()
    assert (await risky.events.get()).topic == "cancelled"
    with pytest.raises(CallCancelledError):
        await waiting.value()

    await risky.host.close()
    assert is_gone(where["pid"])


@pytest.mark.parametrize(("how", "reason"), [("die", "status 3"), ("segfault", "signal SIGSEGV")])
async def test_child_that_dies_fails_its_calls_and_is_restarted(risky: Hosted, how: str, reason: str) -> None:
    pid = (await risky.get("/risky/where"))["pid"]
    waiting = risky.begin("GET", "/risky/wait")
    assert (await risky.events.get()).topic == "begun"
    for asked in (risky.begin("GET", f"/risky/{how}"), waiting):
        fail = await asked.fail()
        assert (fail.code, fail.status, fail.transient) == (EndpointDisconnectedError.code, 503, True)
        assert "the host of plugin risky died" in fail.message
    await risky.until(down)
    assert is_gone(pid)
    assert risky.host.infos()["risky"].error == f"its process ended with {reason}; it is restarted"
    where = await risky.get("/risky/where")  # waits for the new one
    assert where["pid"] != pid
    assert up(risky.host.infos())
    assert risky.host.infos()["risky"].error is None
    assert len(waiting.answers) == 1


BROKEN_THERE = """
import os
from orbit_jupyter.plugin import Plugin
if os.getpid() != {pid}:
    {there}

class Risky(Plugin):
    plugin_name = "risky"
    isolation = "process"
    def __init__(self, app):
        super().__init__(app)
        if os.getpid() != {pid}:
            {made}
"""


@pytest.mark.parametrize(
    ("there", "made", "reason"),
    [
        ("import no_such_runtime", "pass", "needs the Python module no_such_runtime"),
        ("pass", "raise OSError('no GPU')", "it can't be loaded: OSError: no GPU"),
        ("os._exit(9)", "pass", "its process ended with status 9"),
        ("pass", "os._exit(9)", "its process ended with status 9"),
    ],
)
async def test_plugin_that_fails_in_the_child_is_shown_with_its_reason_and_given_up_after_a_while(
    hosted: Hosted,
    module: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    there: str,
    made: str,
    reason: str,
) -> None:
    monkeypatch.setattr(child_link, "RESTARTS", 1)
    module("broken_of_test", BROKEN_THERE.format(pid=os.getpid(), there=there, made=made))
    await hosted.host.load(["broken_of_test:Risky"])
    before = hosted.begin("GET", "/risky/version")
    fail = await before.fail()
    assert (fail.code, fail.status, fail.transient) == (EndpointDisconnectedError.code, 503, False)
    info = hosted.host.infos()["risky"]
    assert not info.enabled
    for text in (fail.message, info.error or ""):
        assert reason in text
        assert "it died too often and stays down" in text
    assert (await hosted.begin("GET", "/risky/version").fail()).message == fail.message


async def test_child_that_cannot_be_started_is_shown_with_its_reason(
    hosted: Hosted, module: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_link, "RESTARTS", 1)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    module("risky_of_test", RISKY)
    await hosted.host.load([RISKY_SOURCE])
    fail = await hosted.begin("GET", "/risky/where").fail()
    assert fail.status == 503
    assert "/no/such/python" in fail.message


async def test_closing_while_the_child_starts_leaves_no_process(starting: Hosted) -> None:
    child = starting.host._plugins["risky"]
    assert isinstance(child, child_link.ChildPlugin)
    asked = starting.begin("GET", "/risky/where")
    await asyncio.sleep(0)
    await starting.host.close()
    assert child._task.done()
    asked.cancel()
    with pytest.raises(CallCancelledError):
        await asked.value()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


async def test_host_in_a_child_loads_what_asks_for_a_process_of_its_own(
    open_host: OpenHost, module: Callable[[str, str], None]
) -> None:
    module("risky_of_test", RISKY)
    hosted = open_host(in_child=True)
    await hosted.host.load([RISKY_SOURCE])
    assert (await hosted.get("/risky/where"))["pid"] == os.getpid()


BUSY_AT_START = """
from orbit_jupyter.plugin import Plugin, PluginClient

class Busy(Plugin):
    plugin_name = "busy"
    isolation = "process"
    refused = ""

    def __init__(self, app, instance_name=None):
        super().__init__(app, instance_name)
        self.add_route_get("refused", self.tell_refused)

    async def start(self):
        for number in range(3):
            await self.send_notification("starts", {"number": number})
        try:
            await self._app.state.add_plugin(Busy, "second")
        except RuntimeError as error:
            self.refused = f"{type(error).__name__}: {error}"

    async def tell_refused(self, request):
        await self.send_notification("asked", {})
        return self.refused
"""


@pytest_asyncio.fixture
async def busy(hosted: Hosted, module: Callable[[str, str], None]) -> Hosted:
    module("busy_of_test", BUSY_AT_START)
    await hosted.host.load(["busy_of_test:Busy"])
    return hosted


async def test_events_of_the_start_come_before_those_that_follow(busy: Hosted) -> None:
    await busy.get("/busy/refused")
    events = [await asyncio.wait_for(busy.events.get(), 20) for _ in range(4)]
    assert [(event.topic, msgspec.json.decode(event.data).get("number")) for event in events] == [
        ("starts", 0),
        ("starts", 1),
        ("starts", 2),
        ("asked", None),
    ]


async def test_plugin_in_a_child_cannot_add_others_and_is_told_so(busy: Hosted) -> None:
    refused = await busy.get("/busy/refused")
    assert refused.startswith("UnsupportedError: a plugin in a child process can't add")
    assert list(busy.host.infos()) == ["busy"]
