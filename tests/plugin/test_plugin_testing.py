"""What authors test their plugins with: the star in memory, and the contract."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, ClassVar

import pytest

from orbit_jupyter.plugin import (
    InvalidFieldError,
    Plugin,
    PluginClient,
    PluginSession,
    Request,
    ResourceNotFoundError,
    UIConfig,
    UIMonitor,
    route,
)
from orbit_jupyter.plugin.testing import CONTRACT, Check, contract, star


class PoetClient(PluginClient):
    def line(self) -> str:
        answer = self.call("GET", "line/{sid}")
        line: str = answer["line"]
        return line


class Poet(Plugin):
    """Says a line, and tells everyone."""

    plugin_name = "poet-of-test"
    client_class: ClassVar[type[PluginClient] | None] = PoetClient

    @route.get("line/{sid}")
    async def line(self, session: PluginSession) -> dict[str, str]:
        await self.send_notification("said", {"sid": session.sid})
        return {"line": "O"}


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_good_plugin_fulfils_the_contract(check: Check) -> None:
    check(Poet)


def test_plugin_is_called_through_its_own_client_and_its_events_come() -> None:
    with star(Poet) as hpc:
        poet = hpc.get_plugin("poet-of-test")
        assert isinstance(poet, PoetClient)
        assert poet.line() == "O"
        assert hpc.event("said") == {"sid": poet.sid}
        assert list(hpc.list_plugins()) == ["poet-of-test"]
        assert hpc.bridge.list_endpoints() == ["hpc1"]
        assert isinstance(hpc.plugin("poet-of-test"), Poet)
        with pytest.raises(TimeoutError, match="'never'"):
            hpc.event("never", timeout=0.01)
    with star() as nobody, pytest.raises(ResourceNotFoundError.__mro__[1], match="poet"):
        nobody.get_plugin("poet-of-test")


def test_star_starts_and_ends_far_faster_than_processes_do() -> None:
    with star(Poet):  # the imports
        pass
    took = []
    for _ in range(5):
        began = time.process_time()
        with star(Poet) as hpc:
            hpc.call("GET", "/poet-of-test/version")
        took.append(time.process_time() - began)
    # CPU time, the best of five: what else runs on the machine doesn't count.
    assert min(took) < 0.05


def bad(**attributes: Any) -> type[Plugin]:
    return type("Bad", (Poet,), {"plugin_name": "bad-of-test", **attributes})


class Leaky(Poet):
    plugin_name = "leaky-of-test"
    ended = threading.Event()

    async def start(self) -> None:
        threading.Thread(target=self.ended.wait, name="leaked", daemon=True).start()


class LeavesTask(Poet):
    plugin_name = "leaves-task-of-test"
    task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        LeavesTask.task = asyncio.get_running_loop().create_task(asyncio.sleep(60))


class Trusting(Poet):
    plugin_name = "trusting-of-test"

    @route.post("add/{sid}")
    async def add(self, request: Request) -> int:
        return len((await request.json())["items"])


class TrustsQuery(Poet):
    plugin_name = "trusts-query-of-test"

    @route.get("nth")
    async def nth(self, count: str = "1", step: str = "1") -> int:
        return int(count) if count != "1" else 0

    @route.get("of/{sid}")
    async def of(self, sid: str) -> str:
        raise InvalidFieldError("no session looks like this", field="sid")


class Shared(Poet):
    plugin_name = "shared-of-test"
    everyone: ClassVar[Any] = None

    def __init__(self, app: Any, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        if Shared.everyone is None:
            Shared.everyone = self._sessions
        self._sessions = Shared.everyone


def test_contract_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    page = UIConfig(title="x", monitors=[UIMonitor(id="m", auto_load="nowhere/{sid}")])
    for plugin, check, says in (
        (bad(version=""), contract.names_and_types_are_well_formed, "version"),
        (bad(client_class=dict), contract.names_and_types_are_well_formed, "client_class"),
        (bad(is_enabled=classmethod(lambda *_: None)), contract.every_role_can_be_asked, "is_enabled"),
        (bad(ui_config=page), contract.page_fits_its_routes, "nowhere"),
        (Trusting, contract.unknown_sessions_are_refused_everywhere, "500 for an unknown session"),
        (Trusting, contract.garbage_is_the_callers_mistake, "add/{sid} answers 500"),
        (TrustsQuery, contract.garbage_is_the_callers_mistake, "nth answers 500 to .count="),
        (TrustsQuery, contract.unknown_sessions_are_refused_everywhere, "of/{sid} answers 422"),
        (Shared, contract.two_endpoints_do_not_disturb_each_other, "on two answers"),
    ):
        with pytest.raises(AssertionError, match=says.replace("{", r"\{")):
            check(plugin)


def test_contract_finds_what_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "join", lambda self, timeout=None: None)
    with pytest.raises(AssertionError, match="thread leaked"):
        contract.nothing_is_left_running(Leaky)
    monkeypatch.undo()
    Leaky.ended.set()
    with pytest.raises(AssertionError, match="tasks are left"):
        contract.nothing_is_left_running(LeavesTask)
    assert LeavesTask.task is not None
    LeavesTask.task.get_loop().call_soon_threadsafe(LeavesTask.task.cancel)


class Herald(Poet):
    plugin_name = "herald-of-test"

    async def start(self) -> None:
        await self.send_notification("begins", {"of": self.instance_name})


def test_event_of_a_start_is_there_in_the_star() -> None:
    with star(Herald, Poet) as hpc:
        assert hpc.event("begins") == {"of": "herald-of-test"}
        sid = hpc.call("POST", "/poet-of-test/register_session")["sid"]
        hpc.call("GET", f"/poet-of-test/line/{sid}")
        assert hpc.event("said") == {"sid": sid}
        assert hpc.events == []


class Unwell(Poet):
    plugin_name = "unwell-of-test"

    async def start(self) -> None:
        raise OSError("no disk")


async def running_tasks() -> int:
    return len(asyncio.all_tasks())


def test_plugin_that_cannot_be_loaded_leaves_nothing_of_the_star() -> None:
    with star() as empty:
        before = empty.run(running_tasks())
    for _ in range(3):
        with pytest.raises(OSError, match="no disk"), star(Poet, Unwell):
            pass
    with star() as empty:
        assert empty.run(running_tasks()) <= before
