"""Loading plugins and running their handlers, in this process."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orbit_jupyter.host import load_plugin_class, plugin_host
from orbit_jupyter.plugin import App, ConflictError, HTTPException, Plugin, PluginError, PluginSession, Request
from orbit_jupyter.plugin.plugin import THREADS
from orbit_jupyter.protocol import (
    CallCancelledError,
    EndpointDisconnectedError,
    EndpointInfo,
    MethodNotAllowedError,
    PluginNotFoundError,
    Principal,
    Reply,
    RouteNotFoundError,
    SessionExpiredError,
    Topology,
    encode,
)

if TYPE_CHECKING:
    from .conftest import Hosted, OpenHost

pytestmark = pytest.mark.asyncio

HERE = __name__


class Odd:
    def __str__(self) -> str:
        return "odd"


class Vast:
    def __str__(self) -> str:
        return str(float("inf").as_integer_ratio())


class Quick(Plugin):
    """Handlers of every kind."""

    plugin_name = "quick"
    version = "1.2"
    ui_config = {"title": "Quick"}

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.told = threading.Event()
        self.topologies: list[dict[str, Any]] = []
        self.add_route_get("plain/{word}", self.plain)
        self.add_route_get("coroutine/{word}", self.coroutine)
        self.add_route_get("thread", lambda _: threading.current_thread().name)
        self.add_route_get("awaitable", self.awaitable)
        self.add_route_get("block", self.block)
        self.add_route_get("wait", self.wait)
        self.add_route_get("until_cancelled", self.until_cancelled)
        self.add_route_post("echo", self.echo)
        self.add_route_get("value/{name}", self.value)
        self.add_route_get("raise/{name}", self.fail)
        self.add_route_get("raise_plainly/{name}", self.fail_plainly)

    def plain(self, request: Request) -> Any:
        return {"word": request.path_params["word"], "user": request.principal and request.principal.user}

    async def coroutine(self, request: Request) -> Any:
        return {"word": request.path_params["word"]}

    def awaitable(self, request: Request) -> Any:
        return asyncio.sleep(0, {"slept": True})

    def block(self, _request: Request) -> str:
        self.started.release()
        assert self.gate.wait(30)
        return "let go"

    async def wait(self, _request: Request) -> None:
        self.started.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.told.set()
            raise

    def until_cancelled(self, request: Request) -> str:
        self.started.release()
        assert request.cancelled.wait(30)
        self.told.set()
        return "too late"

    async def echo(self, request: Request) -> Any:
        return await request.json()

    async def value(self, request: Request) -> Any:
        endless: list[Any] = []
        endless.append(endless)
        return {
            "bytes": b"\x00\xff",
            "none": None,
            "reply": Reply(0, 206, {"content-type": "text/plain"}, b"part"),
            "odd": {"it": Odd()},
            "endless": endless,
            "vast": Vast(),
            "not utf-8": "caf\udce9",
        }[request.path_params["name"]]

    def fail_plainly(self, request: Request) -> None:
        name = request.path_params["name"]
        if name == "stop":
            next(iter([]))
        if name == "exit":
            sys.exit("usage: quick")
        if name == "unexpected":
            raise PluginError("the solver is broken", data={"solver": "x"}) from KeyError("mesh")
        if name == "away":
            raise PluginError("the scheduler is away", status=503, transient=True) from TimeoutError()
        raise {
            "key": KeyError("walltime"),
            "plugin": PluginError("the solver is broken", data={"solver": "x"}),
            "conflict": ConflictError("taken", data={"by": "ada"}),
            "http": HTTPException(418, "teapot"),
            "not utf-8": FileNotFoundError("caf\udce9"),
        }[name]

    async def fail(self, request: Request) -> None:
        self.fail_plainly(request)

    async def on_topology_change(self, endpoints: dict[str, Any]) -> None:
        self.topologies.append(endpoints)
        self.started.release()


class Other(Plugin):
    plugin_name = "other"

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.add_route_get("hello", lambda _: "hello")

    async def on_topology_change(self, endpoints: dict[str, Any]) -> None:
        raise ValueError("I don't like it")


class Unneeded(Plugin):
    plugin_name = "unneeded"

    @classmethod
    def is_enabled(cls, app: App) -> bool:
        return app.state.role == "login"


class Brittle(Plugin):
    plugin_name = "brittle"

    def __init__(self, app: App) -> None:
        super().__init__(app)
        raise OSError("no licence server")


class Exhausted(Plugin):
    plugin_name = "exhausted"

    def __init__(self, app: App) -> None:
        super().__init__(app)
        next(iter([]))


class Askew(Plugin):
    plugin_name = "askew"
    ui_config = {"title": "Askew", "colour": "red"}


class Taken(Plugin):
    plugin_name = "events"


class Nameless(Plugin):
    plugin_name = ""


class Twin(Plugin):
    plugin_name = "twin"


class OtherTwin(Plugin):
    plugin_name = "twin"


class Brief(Plugin):
    """Sessions that last for a moment, and say when they are closed."""

    plugin_name = "brief"
    session_ttl = 0.01

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.closed = asyncio.Queue[str]()

    def _create_session(self, sid: str, **more: Any) -> PluginSession:
        return Moment(sid)


class Moment(PluginSession):
    async def close(self) -> dict[str, Any]:
        assert isinstance(self._plugin, Brief)
        self._plugin.closed.put_nowait(self.sid)
        return await super().close()


NOT_A_PLUGIN = 7


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep `sys.path` as it is: loading a ``module:Class`` puts the current folder on it."""
    monkeypatch.setattr(sys, "path", list(sys.path))


async def load(hosted: Hosted, *classes: str) -> Any:
    """Load classes of this module and return the first plugin."""
    await hosted.host.load([f"{HERE}:{name}" for name in classes])
    return next((plugin.plugin for plugin in hosted.host._plugins.values() if hasattr(plugin, "plugin")), None)


async def started(plugin: Quick, count: int = 1) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(plugin.started.acquire, timeout=20)


# -- loading ------------------------------------------------------------------------------------------------------


async def test_plugin_is_loaded_by_module_and_class_and_listed(hosted: Hosted) -> None:
    await load(hosted, "Quick")
    info = hosted.host.infos()["quick"]
    assert (info.type, info.namespace, info.version, info.enabled, info.error) == (
        "quick",
        "/hpc1/quick",
        "1.2",
        True,
        None,
    )
    assert info.ui_config == {"title": "Quick"}
    assert hosted.changes == 1


async def test_plugin_is_loaded_by_the_name_of_its_entry_point(hosted: Hosted) -> None:
    await hosted.host.load(["sysinf"])
    assert list(hosted.host.infos()) == ["sysinfo"]


@pytest.mark.parametrize(
    ("name", "kept_as", "reason"),
    [
        ("Brittle", "brittle", "OSError: no licence server"),
        ("Exhausted", "exhausted", "StopIteration"),
        ("Askew", "askew", "colour"),
        ("Unneeded", "unneeded", "has nothing to do on a host of role standalone"),
        ("Taken", "events", "Orbit's own routes use it"),
        ("Nameless", "Nameless", "can't be the plugin"),
        ("Missing", "Missing", "has no attribute 'Missing'"),
        ("NOT_A_PLUGIN", "NOT_A_PLUGIN", "no subclass of orbit_jupyter.plugin.Plugin"),
    ],
)
async def test_plugin_that_cannot_be_loaded_is_kept_with_its_reason_and_others_load(
    hosted: Hosted, name: str, kept_as: str, reason: str
) -> None:
    await load(hosted, name, "Other")
    infos = hosted.host.infos()
    assert list(infos) == ["other", kept_as]
    assert not infos[kept_as].enabled
    assert reason in (infos[kept_as].error or "")
    assert await hosted.get("/other/hello") == "hello"
    with pytest.raises(EndpointDisconnectedError) as caught:
        await hosted.get(f"/{kept_as}/version")
    assert reason in caught.value.message
    assert (caught.value.status, caught.value.transient) == (503, False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import no_such_accelerator", "needs the Python module no_such_accelerator, which isn't installed there"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('set ACCOUNT first')", "set ACCOUNT first"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("next(iter([]))", "StopIteration"),
    ],
)
async def test_module_that_cannot_be_imported_is_kept_with_its_reason_and_others_load(
    hosted: Hosted, module: Callable[[str, str], None], text: str, reason: str
) -> None:
    module("broken_of_test", text)
    await hosted.host.load(["broken_of_test:Mine", f"{HERE}:Other"])
    infos = hosted.host.infos()
    assert list(infos) == ["other", "Mine"]
    assert reason in (infos["Mine"].error or "")


async def test_second_plugin_of_a_name_is_refused_and_the_first_stays(hosted: Hosted) -> None:
    await load(hosted, "Twin", "OtherTwin")
    infos = hosted.host.infos()
    assert infos["twin"].enabled
    (failed,) = [info for info in infos.values() if not info.enabled]
    assert "there is a plugin twin already" in (failed.error or "")


async def test_plugin_is_not_loaded_where_it_has_nothing_to_do_and_else_is(open_host: OpenHost) -> None:
    hosted = open_host(role="login")
    await load(hosted, "Unneeded")
    assert hosted.host.infos()["unneeded"].enabled


async def test_token_that_fits_nothing_is_refused_before_anything_is_loaded(hosted: Hosted) -> None:
    with pytest.raises(ValueError, match="no plugin 'nope' is installed"):
        await hosted.host.load(["sysinfo", "nope"])
    assert hosted.host.infos() == {}


async def test_class_is_imported_by_entry_point_or_by_module_and_nothing_else() -> None:
    assert load_plugin_class("psij").plugin_name == "psij"
    assert load_plugin_class(f"{HERE}:Quick") is Quick
    with pytest.raises(ImportError, match="no plugin 'nope' is installed"):
        load_plugin_class("nope")


# -- calls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/quick/plain/a%2Fb", {"word": "a/b", "user": "ada"}),
        ("/quick/coroutine/x", {"word": "x"}),
        ("/qu%69ck/coroutine/x", {"word": "x"}),
        ("/quick/awaitable", {"slept": True}),
        ("/quick/version", {"version": "1.2"}),
        ("/quick/value/none", None),
        ("/quick/value/odd", {"it": "odd"}),
    ],
)
async def test_handler_answers_with_json(hosted: Hosted, path: str, value: Any) -> None:
    await load(hosted, "Quick")
    asked = hosted.begin("GET", path, principal=Principal("ada"))
    assert await asked.value() == value
    (answer,) = asked.answers
    assert isinstance(answer, Reply)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


async def test_body_reaches_the_handler(hosted: Hosted) -> None:
    await load(hosted, "Quick")
    assert await hosted.begin("POST", "/quick/echo", {"a": [1, None, "ß"]}).value() == {"a": [1, None, "ß"]}


async def test_bytes_and_whole_replies_of_a_handler_go_out_as_they_are(hosted: Hosted) -> None:
    await load(hosted, "Quick")
    answer = await hosted.begin("GET", "/quick/value/bytes").first
    assert answer == Reply(0, 200, {"content-type": "application/octet-stream"}, b"\x00\xff")
    answer = await hosted.begin("GET", "/quick/value/reply").first
    assert answer == Reply(0, 206, {"content-type": "text/plain"}, b"part")


@pytest.mark.parametrize("name", ["endless", "not utf-8", "vast"])
async def test_answer_that_json_cannot_say_is_an_error_of_the_plugin(
    hosted: Hosted, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    await load(hosted, "Quick")
    fail = await hosted.begin("GET", f"/quick/value/{name}").fail()
    assert (fail.status, fail.code) == (500, "plugin-error")
    assert "isn't JSON" in fail.message
    assert "Traceback" in fail.data["traceback"]
    assert "of plugin quick raised" in caplog.text
    encode(fail)


async def test_unknown_plugin_is_not_found_and_those_that_are_there_are_named(hosted: Hosted) -> None:
    await load(hosted, "Quick", "Other")
    with pytest.raises(PluginNotFoundError, match="endpoint hpc1 has no plugin 'nope'; there is other, quick"):
        await hosted.get("/nope/version")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/quick/nope", RouteNotFoundError),
        ("GET", "/quick", RouteNotFoundError),
        ("DELETE", "/quick/version", MethodNotAllowedError),
        ("GET", "/", PluginNotFoundError),
        ("GET", "", PluginNotFoundError),
    ],
)
async def test_path_that_leads_nowhere_is_a_typed_error(
    hosted: Hosted, method: str, path: str, kind: type[Exception]
) -> None:
    await load(hosted, "Quick")
    asked = hosted.begin(method, path)
    with pytest.raises(kind):
        await asked.value()
    assert len(asked.answers) == 1


@pytest.mark.parametrize("how", ["raise", "raise_plainly"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("key", "KeyError: 'walltime'"),
        ("unexpected", "the solver is broken"),
        ("stop", "StopIteration"),
        ("exit", "SystemExit: usage: quick"),
        ("not utf-8", r"FileNotFoundError: caf\udce9"),
    ],
)
async def test_handler_that_raises_is_a_plugin_error_with_its_traceback(
    hosted: Hosted, how: str, name: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    await load(hosted, "Quick")
    fail = await hosted.begin("GET", f"/quick/{how}/{name}").fail()
    assert (fail.code, fail.status, fail.transient) == ("plugin-error", 500, False)
    assert message in fail.message
    assert "in fail_plainly" in fail.data["traceback"]
    assert name != "unexpected" or fail.data["solver"] == "x"
    encode(fail)
    (record,) = [
        record for record in caplog.records if record.levelname == "ERROR" and record.name == "orbit.host"
    ]
    assert f"/quick/{how}/{name} of plugin quick raised" in record.getMessage()
    assert await hosted.get("/quick/coroutine/still") == {"word": "still"}


@pytest.mark.parametrize("how", ["raise", "raise_plainly"])
@pytest.mark.parametrize(
    ("name", "code", "status", "message", "data"),
    [
        ("conflict", "conflict", 409, "taken", {"by": "ada"}),
        ("http", "plugin-error", 418, "teapot", {}),
        ("plugin", "plugin-error", 500, "the solver is broken", {"solver": "x"}),
        ("away", "plugin-error", 503, "the scheduler is away", {}),
    ],
)
async def test_error_that_a_handler_means_is_kept_without_a_traceback(
    hosted: Hosted, how: str, name: str, code: str, status: int, message: str, data: dict[str, Any]
) -> None:
    await load(hosted, "Quick")
    fail = await hosted.begin("GET", f"/quick/{how}/{name}").fail()
    assert (fail.code, fail.status, fail.message, fail.data) == (code, status, message, data)


@pytest.mark.parametrize("how", ["raise", "raise_plainly"])
@pytest.mark.parametrize(
    ("name", "lines"),
    [("plugin", ["the solver is broken"]), ("away", ["the scheduler is away"]), ("conflict", []), ("http", [])],
)
async def test_failure_that_a_handler_means_is_one_line_in_the_log(
    hosted: Hosted, how: str, name: str, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    await load(hosted, "Quick")
    await hosted.begin("GET", f"/quick/{how}/{name}").fail()
    found = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in found] == [
        f"/quick/{how}/{name} of plugin quick failed: {line}" for line in lines
    ]
    assert not any(record.exc_info for record in found)
    assert "Traceback" not in caplog.text


# -- nobody waits for anybody -------------------------------------------------------------------------------------


async def test_plain_handler_runs_in_a_thread_and_holds_up_no_other_call(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick")
    blocked = hosted.begin("GET", "/quick/block")
    await started(quick)
    assert (await hosted.get("/quick/thread")).startswith("orbit-quick")
    assert await hosted.get("/quick/coroutine/x") == {"word": "x"}
    assert not blocked.answers
    quick.gate.set()
    assert await blocked.value() == "let go"


async def test_plugin_with_every_thread_blocked_holds_up_no_other_plugin(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick", "Other")
    blocked = [hosted.begin("GET", "/quick/block") for _ in range(THREADS + 3)]
    await started(quick, THREADS)
    assert await hosted.get("/other/hello") == "hello"
    assert await hosted.get("/quick/coroutine/x") == {"word": "x"}
    quick.gate.set()
    assert [await one.value() for one in blocked] == ["let go"] * len(blocked)


async def test_cancel_reaches_a_coroutine_handler(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick")
    asked = hosted.begin("GET", "/quick/wait")
    await started(quick)
    asked.cancel()
    with pytest.raises(CallCancelledError):
        await asked.value()
    assert quick.told.is_set()
    assert len(asked.answers) == 1


async def test_cancel_sets_the_flag_of_a_plain_handler_and_drops_its_answer(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick")
    asked = hosted.begin("GET", "/quick/until_cancelled")
    await started(quick)
    asked.cancel()
    with pytest.raises(CallCancelledError):
        await asked.value()
    assert await asyncio.to_thread(quick.told.wait, 20)
    assert await hosted.get("/quick/coroutine/x") == {"word": "x"}
    assert len(asked.answers) == 1


@pytest.mark.parametrize("path", ["/quick/wait", "/quick/plain/x"])
async def test_call_that_is_cancelled_before_it_began_is_answered_once_too(hosted: Hosted, path: str) -> None:
    await load(hosted, "Quick")
    asked = hosted.begin("GET", path)
    asked.cancel()
    with pytest.raises(CallCancelledError):
        await asyncio.wait_for(asked.value(), 5)
    assert await hosted.get("/quick/coroutine/x") == {"word": "x"}
    assert len(asked.answers) == 1


async def test_cancel_after_the_answer_does_nothing(hosted: Hosted) -> None:
    await load(hosted, "Quick")
    asked = hosted.begin("GET", "/quick/coroutine/x")
    await asked.value()
    asked.cancel()
    await hosted.get("/quick/coroutine/y")
    assert len(asked.answers) == 1


# -- notifications, topology, sessions ----------------------------------------------------------------------------


async def test_notification_from_another_thread_becomes_an_event(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick")
    before = time.time()
    data = {"state": "ACTIVE", "what": Odd()}
    await asyncio.to_thread(quick._dispatch_notify, "job_status", data, "session.1", "ada")
    event = await hosted.events.get()
    assert (event.plugin, event.topic, event.session, event.owner) == ("quick", "job_status", "session.1", "ada")
    assert msgspec.json.decode(event.data) == {"state": "ACTIVE", "what": "odd"}
    assert before <= event.time <= time.time()
    assert not event.truncated


LIMIT = 64 * 2**10


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"job": "7", "n": 3, "out": "x" * LIMIT + "END"}, {"job": "7", "n": 3}),
        ({"job": "7", "out": "\x00" * LIMIT + "END"}, {"job": "7"}),
        ({"job": "7", "out": "😀" * LIMIT + "END"}, {"job": "7"}),
        ({"job": None, "ok": True, "f": 1.5, "nested": ["x" * LIMIT], "out": "END"}, {"job": None, "ok": True}),
        ({"job": "7", "out": "a" * LIMIT + "END", "err": "b" * LIMIT}, {"job": "7"}),
        ({**{f"key-{n}": n for n in range(20_000)}}, {"key-0": 0}),
        ({"job": "7", **{f"key-{n}": "xyz" for n in range(20_000)}}, {}),
        ({"k" * LIMIT: 1, "job": "7", "out": "END"}, {"job": "7"}),
    ],
    ids=["text", "control characters", "emoji", "nested", "two texts", "many numbers", "many texts", "long key"],
)
async def test_event_that_is_too_large_is_cut_and_says_so(
    hosted: Hosted, data: dict[str, Any], kept: dict[str, Any]
) -> None:
    quick = await load(hosted, "Quick")
    quick._dispatch_notify("out", data)
    event = await hosted.events.get()
    assert event.truncated
    assert len(event.data) <= LIMIT
    got = msgspec.json.decode(event.data)
    assert got["truncated"] is True
    assert kept.items() <= got.items()
    assert got.get("out", "END").endswith("END")


async def test_event_of_just_the_limit_is_whole(hosted: Hosted) -> None:
    quick = await load(hosted, "Quick")
    data = {"out": "x" * (LIMIT - len('{"out":""}'))}
    quick._dispatch_notify("out", data)
    event = await hosted.events.get()
    assert (event.truncated, len(event.data)) == (False, LIMIT)


async def test_topology_reaches_every_plugin_though_one_fails_on_it(
    hosted: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    await load(hosted, "Other", "Quick")
    quick = hosted.host._plugins["quick"].plugin  # type: ignore[union-attr]
    assert isinstance(quick, Quick)
    plugins = hosted.host.infos()
    hosted.host.tell(Topology({"hpc2": EndpointInfo({"state": "present"}, plugins)}))
    await started(quick)
    assert quick.topologies == [{"hpc2": {"plugins": ["other", "quick"]}}]
    assert "failed on a change of topology" in caplog.text


async def test_expired_session_is_closed_and_answered_as_expired(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch, open_host: OpenHost
) -> None:
    monkeypatch.setattr(plugin_host, "SWEEP", 0.01)
    hosted = open_host()
    brief = await load(hosted, "Brief")
    sid = (await hosted.begin("POST", "/brief/register_session").value())["sid"]
    assert await brief.closed.get() == sid
    with pytest.raises(SessionExpiredError):
        await hosted.begin("POST", f"/brief/unregister_session/{sid}").value()
    assert await hosted.get("/brief/list_sessions") == {"sessions": []}


async def test_closing_the_host_closes_what_sessions_there_are(open_host: OpenHost) -> None:
    hosted = open_host()
    brief = await load(hosted, "Brief")
    sid = (await hosted.begin("POST", "/brief/register_session").value())["sid"]
    await hosted.host.close()
    assert brief.closed.get_nowait() == sid
