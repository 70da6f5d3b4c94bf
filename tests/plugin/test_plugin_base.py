"""What every plugin has from its base class."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from orbit_jupyter.plugin import (
    App,
    AppState,
    ConflictError,
    HTTPException,
    Plugin,
    PluginError,
    PluginSession,
    Request,
    SessionNotFoundError,
    SessionTable,
    UIConfig,
)
from orbit_jupyter.protocol import Call

pytestmark = pytest.mark.asyncio

Told = tuple[str, str, dict[str, Any], str, str]


class Work(PluginSession):
    async def double(self, number: int, *, plus: int = 0) -> int:
        return 2 * number + plus

    def thread(self) -> str:
        return threading.current_thread().name

    def later(self) -> Any:
        return self.double(21)

    async def fail(self, error: Exception) -> None:
        raise error

    def fail_plainly(self, error: Exception) -> None:
        raise error

    def exhaust(self) -> None:
        next(iter([]))


class Desk(Plugin):
    plugin_name = "desk-of-test"
    session_class = Work
    version = "3.2.1"
    ui_config = UIConfig(title="Desk")


class Sessionless(Plugin):
    plugin_name = "sessionless-of-test"
    session_class = None


def request(**path_params: str) -> Request:
    return Request(Call(1, "hpc1", "GET", "/x"), path_params, App())


@pytest.fixture
def told() -> list[Told]:
    return []


@pytest.fixture
def desk(told: list[Told], tmp_path: Path) -> Desk:
    state = AppState(endpoint_name="hpc1", role="login", folder=tmp_path, notify=lambda *all: told.append(all))
    return Desk(App(state))


async def test_plugin_knows_its_name_and_where_it_is(desk: Desk, tmp_path: Path) -> None:
    assert (desk.instance_name, desk.namespace, desk.folder) == (
        "desk-of-test",
        "/hpc1/desk-of-test",
        tmp_path / "desk-of-test",
    )
    second = Desk(App(AppState(endpoint_name="hpc1")), "desk2")
    assert (second.instance_name, second.namespace, second.folder) == ("desk2", "/hpc1/desk2", None)
    assert second.uid != desk.uid


@pytest.mark.parametrize(
    ("role", "flags"),
    [
        ("bridge", (True, False, False, False)),
        ("login", (False, True, False, False)),
        ("compute", (False, False, True, False)),
        ("standalone", (False, False, False, True)),
    ],
)
async def test_plugin_knows_the_role_of_its_host(role: str, flags: tuple[bool, ...]) -> None:
    desk = Desk(App(AppState(role=role)))
    assert (desk.is_bridge, desk.is_login_node, desk.is_compute_node, desk.is_standalone) == flags


async def test_class_is_found_by_its_name() -> None:
    assert Plugin.get_plugin_class("desk-of-test") is Desk
    assert Plugin.get_plugin_class("no-such-plugin") is None
    assert "desk-of-test" in Plugin.get_plugin_names()
    assert Desk.is_enabled(App())


async def test_every_plugin_has_the_base_routes(desk: Desk) -> None:
    assert {f"{route.method} {route.path}" for route in desk.routes} == {
        "POST register_session",
        "POST unregister_session/{sid}",
        "GET version",
        "GET list_sessions",
        "GET health",
        "GET ui_config",
        "GET openapi.json",
    }


async def test_added_route_is_kept_without_outer_slashes_and_with_its_method_in_capitals(desk: Desk) -> None:
    desk.add_route("delete", "/job/{id}/", desk.get_version)
    assert (desk.routes[-1].method, desk.routes[-1].path) == ("DELETE", "job/{id}")


async def test_session_is_registered_listed_and_unregistered(desk: Desk) -> None:
    sid = (await desk.register_session(request()))["sid"]
    other = (await desk.register_session(request()))["sid"]
    assert sid != other
    assert await desk.list_sessions(request()) == {"sessions": [sid, other]}
    assert (await desk.health_check(request()))["active_sessions"] == 2
    session = desk._sessions.use(sid)
    assert session._plugin is desk
    assert await desk.unregister_session(request(sid=sid)) == {"ok": True}
    assert not session.is_active
    assert await desk.list_sessions(request()) == {"sessions": [other]}
    with pytest.raises(SessionNotFoundError):
        await desk.unregister_session(request(sid=sid))


async def test_health_version_and_page_are_answered(desk: Desk) -> None:
    health = await desk.health_check(request())
    assert health.pop("uptime_seconds") >= 0
    assert health == {"status": "healthy", "plugin": "desk-of-test", "version": "3.2.1", "active_sessions": 0}
    assert await desk.get_version(request()) == {"version": "3.2.1"}
    assert await desk.get_ui_config(request()) == {
        "plugin_name": "desk-of-test",
        "instance_name": "desk-of-test",
        "version": "3.2.1",
        "ui": {"title": "Desk"},
    }


async def test_plugin_without_sessions_refuses_to_make_one() -> None:
    with pytest.raises(PluginError, match="has no sessions"):
        await Sessionless(App()).register_session(request())


async def test_notifications_go_to_the_host_with_the_instance_s_name(desk: Desk, told: list[Told]) -> None:
    await desk.send_notification("hello", {"a": 1})
    thread = threading.Thread(target=desk._dispatch_notify, args=("done", {"b": 2}, "session.1", "ada"))
    thread.start()
    thread.join()
    assert told == [
        ("desk-of-test", "hello", {"a": 1}, "", ""),
        ("desk-of-test", "done", {"b": 2}, "session.1", "ada"),
    ]


async def test_plugin_without_a_host_swallows_its_notifications() -> None:
    await Desk(App()).send_notification("hello", {})


# -- calls that a plugin forwards to its session ------------------------------------------------------------------


async def test_coroutine_method_of_the_session_is_awaited(desk: Desk) -> None:
    sid = desk._add_session().sid
    doubled: int = await desk._forward(sid, Work.double, 4, plus=1)
    assert doubled == 9


async def test_plain_method_of_the_session_runs_in_a_worker_thread(desk: Desk) -> None:
    sid = desk._add_session().sid
    assert await desk._forward(sid, Work.thread) != threading.current_thread().name
    assert await desk._forward(sid, Work.later) == 42


async def test_method_of_an_unknown_session_is_not_called(desk: Desk) -> None:
    with pytest.raises(SessionNotFoundError):
        await desk._forward("session.x", Work.thread)


async def test_method_of_a_closed_session_is_not_called(desk: Desk) -> None:
    session = desk._add_session()
    await session.close()
    with pytest.raises(PluginError, match="is closed"):
        await desk._forward(session.sid, Work.thread)


@pytest.mark.parametrize("method", [Work.fail, Work.fail_plainly])
@pytest.mark.parametrize("error", [ConflictError("taken"), HTTPException(418, "teapot")])
async def test_error_that_says_its_status_comes_through_as_it_is(
    desk: Desk, method: Any, error: Exception
) -> None:
    with pytest.raises(type(error)) as caught:
        await desk._forward(desk._add_session().sid, method, error)
    assert caught.value is error


@pytest.mark.parametrize("method", [Work.fail, Work.fail_plainly])
async def test_other_exception_becomes_a_plugin_error_that_says_where(desk: Desk, method: Any) -> None:
    error, sid = ValueError("odd"), desk._add_session().sid
    with pytest.raises(PluginError, match=f"desk-of-test/{sid}.*fail.*: odd") as caught:
        await desk._forward(sid, method, error)
    assert caught.value.__cause__ is error


async def test_plain_method_that_lets_a_stop_iteration_out_fails_instead_of_never_ending(desk: Desk) -> None:
    with pytest.raises(PluginError, match="StopIteration"):
        await desk._forward(desk._add_session().sid, Work.exhaust)


# -- the end of sessions ------------------------------------------------------------------------------------------


class Stuck(Work):
    async def close(self) -> dict[str, Any]:
        await super().close()
        raise OSError("stuck")


@pytest.mark.parametrize("how", ["sweep", "close"])
async def test_every_session_is_closed_though_one_of_them_fails_to(desk: Desk, how: str) -> None:
    now = [0.0]
    desk._sessions = SessionTable(60, lambda: now[0])
    sessions: list[PluginSession] = [Stuck("s1"), Work("s2"), Stuck("s3"), Work("s4")]
    for session in sessions:
        desk._sessions.add(session)
    now[0] = 61
    with pytest.raises(OSError, match="stuck"):
        await (desk.sweep() if how == "sweep" else desk.close())
    assert not any(session.is_active for session in sessions)
    assert len(desk._sessions) == 0


async def test_sweep_leaves_sessions_alone_whose_time_is_not_over(desk: Desk) -> None:
    session = desk._add_session()
    await desk.sweep()
    assert session.is_active
    await desk.close()
    assert not session.is_active
