"""The audit log: who did what, one line each, and nothing in it that is nobody's business."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import resource
import stat
import threading
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridge_stage import Bridge, Peer, Start
from jupyter_events import EventLogger
from jupyter_server.auth import Authorizer
from jupyter_server.serverapp import ServerApp

from orbit_jupyter.bridge.audit import KEPT, SCHEMA, SCHEMA_ID, AuditFile, AuditLog, action_of
from orbit_jupyter.bridge.audit import log as audit
from orbit_jupyter.client import aio
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import Bye, Call, OrbitError

Dial = Callable[..., Awaitable[Peer]]
Line = dict[str, Any]


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("POST", "/hpc1/psij/submit/session.1", "submit"),
        ("POST", "/hpc1/psij/submit", "submit"),
        ("POST", "/hpc1/rhapsody/submit_tasks/s", "submit"),
        ("POST", "/bridge/radical_pilot/task_submit/s", "submit"),
        ("POST", "/hpc1/psij/submit_tunneled/s", "launch"),
        ("POST", "/hpc1/radical_pilot/pilot_submit/s", "launch"),
        ("POST", "/hpc1/any/launch/s", "launch"),
        ("POST", "/hpc1/psij/cancel/s/job", "cancel"),
        ("POST", "/hpc1/rhapsody/cancel_all/s", "cancel"),
        ("POST", "/hpc1/staging/put/s", "transfer"),
        ("POST", "/hpc1/staging/get/s", "transfer"),
        ("PUT", "/hpc1/any/upload/a/b", "transfer"),
        ("DELETE", "/hpc1/any/delete/a", "transfer"),
        ("POST", "/hpc1/tasks/stage_in/s/t", "transfer"),
        ("POST", "/hpc1/psij/register_session", "session"),
        ("POST", "/hpc1/psij/unregister_session/s", "session"),
        ("POST", "/hpc1/staging/list/s", "call"),
        ("POST", "/hpc1/staging/get_all/s", "call"),
        ("POST", "/hpc1/any/input/s", "call"),
        ("DELETE", "/hpc1/any", "call"),
        ("POST", "/hpc1", "call"),
        ("POST", "/", "call"),
        ("POST", "", "call"),
        ("GET", "/hpc1/psij/submit/s", "read"),
        ("HEAD", "/hpc1/staging/get/s", "read"),
        ("OPTIONS", "/hpc1/psij/cancel/s", "read"),
        ("get", "/hpc1/psij/list_jobs/s", "call"),
        # what is in the way of a simple comparison is taken out as the routers do it
        ("POST", "/hpc1//psij//submit/s", "submit"),
        ("POST", "//hpc1/psij/%73ubmit/s", "submit"),
        ("POST", "/hpc1/psij/submit/register_session", "submit"),
        ("POST", "/register_session/psij/submit/s", "submit"),
        # the bridge's own
        ("POST", "/tokens", "token"),
        ("POST", "/tokens/", "token"),
        ("DELETE", "/tokens/abc", "token"),
        ("GET", "/tokens", "read"),
        ("POST", "/hpc1/tokens/submit/s", "submit"),
        ("POST", "/endpoint/disconnect/hpc1", "disconnect"),
        ("POST", "/endpoint/disconnect", "call"),
        ("POST", "/bridge/terminate", "terminate"),
        ("POST", "/endpoint/list", "read"),
        ("GET", "/client", "login"),
        ("GET", "/register", "register"),
        ("GET", "/endpoints", "read"),
    ],
)
def test_an_action_is_told_from_the_route(method: str, path: str, action: str) -> None:
    assert action_of(method, path) == action


async def kept(bridge: Bridge) -> list[Line]:
    """Return the lines of the audit log, each checked against the schema; nothing more is written after this."""
    await bridge.extension.audit.close()
    path = Path(bridge.extension.audit_log)
    return [fits(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def fits(line: Line) -> Line:
    """Return a line that the schema allows."""
    events = EventLogger()
    events.register_event_schema(SCHEMA)
    events.schemas.validate_event(SCHEMA_ID, line)
    return line


def told(lines: list[Line], *names: str) -> list[tuple[Any, ...]]:
    """Return some fields of each line."""
    return [tuple(line[name] for name in names) for line in lines]


# -- what is in it ---------------------------------------------------------------------------------------------


async def test_a_line_says_who_did_what_to_whom(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        await client.send(Call(0, "hpc1", "POST", "/sample/echo", query="x=1", body=b"[1]", trace="t1"))
    (line,) = await kept(bridge)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ", line.pop("time"))
    assert 0 < line.pop("seconds") < 20
    assert line == {
        "user": bridge.extension.owner,
        "action": "call",
        "endpoint": "hpc1",
        "plugin": "sample",
        "route": "POST /hpc1/sample/echo",
        "status": 200,
        "outcome": "ok",
        "digest": sha256(b"[1]").hexdigest(),
        "trace": "t1",
    }


async def test_what_only_looks_is_not_kept(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        for path in ("/", "/endpoints", "/tokens", "/hpc1/sample/version", "/hpc1/sample/refuse/404"):
            await http.get(path)
        await http.post("/endpoint/list")
        session = (await http.post("/hpc1/sample/register_session")).json()["sid"]
        assert (await http.post(f"/hpc1/sample/unregister_session/{session}")).status_code == 200
    assert await kept(bridge) == []


async def test_each_change_makes_one_line(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http() as http:
        token = (await http.post("/tokens", json={"name": "hpc2"})).json()
        await http.delete(f"/tokens/{token['id']}")
        await http.post("/hpc1/sample/submit/s", json={})
        await http.put("/hpc1/sample/echo", json={})
        await http.post("/endpoint/disconnect/hpc1")
        await http.post("/bridge/terminate")
    assert told(await kept(bridge), "action", "route", "status", "outcome") == [
        ("token", "POST /tokens", 200, "ok"),
        ("token", f"DELETE /tokens/{token['id']}", 200, "ok"),
        ("submit", "POST /hpc1/sample/submit/s", 404, "route-not-found"),
        ("call", "PUT /hpc1/sample/echo", 200, "ok"),
        ("disconnect", "POST /endpoint/disconnect/hpc1", 200, "ok"),
        ("terminate", "POST /bridge/terminate", 409, "conflict"),
    ]


@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 100_000])
async def test_the_digest_is_that_of_the_body(bridge: Bridge, start_endpoint: Start, size: int) -> None:
    await start_endpoint()
    body = b'"' + b"x" * (size - 2) + b'"' if size > 1 else b"1" * size
    async with bridge.http() as http:
        await http.post("/hpc1/sample/echo", content=body)
    (line,) = await kept(bridge)
    assert line["digest"] == (sha256(body).hexdigest() if body else "")


async def test_nothing_secret_is_in_it(bridge: Bridge, start_endpoint: Start, home: Path) -> None:
    await start_endpoint()
    script = {"script": "SECRET-IN-A-BODY", "pad": "x" * 5000}
    endpoint_token = bridge.endpoint_token("hpc9")
    async with bridge.http(**{"X-Note": "SECRET-IN-A-HEADER"}) as http:
        await http.post("/hpc1/sample/echo?name=SECRET-IN-A-QUERY", json=script)
        await http.post("/hpc1/sample/submit/s?SECRET-IN-A-QUERY", json=script)
        await http.delete(f"/tokens/{endpoint_token}")
        made = (await http.post("/tokens", json={"name": "hpc2"})).json()["token"]
    async with bridge.http(authorization="token SECRET-IN-A-HEADER") as http:
        await http.post("/hpc1/sample/echo?token=SECRET-IN-A-QUERY", json=script)
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        with pytest.raises(OrbitError):
            await client.call("hpc1", "POST", "/sample/none?token=SECRET-IN-A-QUERY", {})
    lines = await kept(bridge)
    assert len(lines) == 6
    text = Path(bridge.extension.audit_log).read_text()
    for secret in ("SECRET", bridge.token, made, endpoint_token[-20:], bridge.extension.kernel_token):
        assert secret not in text
    assert any(line["route"] == f"DELETE /tokens/{endpoint_token[:19]}…" for line in lines)


async def test_what_a_caller_writes_stays_on_one_short_line(bridge: Bridge) -> None:
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        for endpoint, path in (("a\n{}", "/b\r\nc/\u2028d"), ("e" * 9999, "/" + "f" * 9999)):
            with pytest.raises(OrbitError):
                await client.send(Call(0, endpoint, "POST", path, trace="t" * 9999))
    first, second = await kept(bridge)
    assert (first["endpoint"], first["plugin"]) == ("a\n{}", "b\r\nc")
    assert len(Path(bridge.extension.audit_log).read_bytes().splitlines()[-1]) < 1500
    assert len(second["route"]) == audit.LONGEST_ROUTE


# -- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["", "token wrong"])
async def test_who_does_not_log_in_is_kept(bridge: Bridge, authorization: str) -> None:
    async with bridge.http(authorization=authorization) as http:
        await http.get("/endpoints")
        await http.get("/events")
        await http.post("/hpc1/psij/submit/s", content=b"{}")
        await http.delete("/tokens/x")
    assert told(await kept(bridge), "user", "action", "route", "status", "outcome") == [
        ("", "read", "GET /endpoints", 403, "forbidden"),
        ("", "read", "GET /events", 403, "forbidden"),
        ("", "submit", "POST /hpc1/psij/submit/s", 403, "forbidden"),
        ("", "token", "DELETE /tokens/x", 403, "forbidden"),
    ]


class Nothing(Authorizer):
    """Allows some actions."""

    allowed: tuple[str, ...] = ()

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action in self.allowed


async def test_who_may_not_is_kept_by_name_and_once(
    bridge: Bridge, start_endpoint: Start, jp_serverapp: ServerApp
) -> None:
    await start_endpoint()
    jp_serverapp.web_app.settings["authorizer"] = Nothing()
    async with bridge.http() as http:
        for method, path in (
            ("GET", "/"),
            ("GET", "/events"),
            ("GET", "/endpoints"),
            ("GET", "/hpc1/sample/version"),
            ("POST", "/hpc1/sample/register_session"),
            ("POST", "/endpoint/list"),
            ("POST", "/tokens"),
        ):
            assert (await http.request(method, path)).status_code == 403
    with pytest.raises(OrbitError):
        await dial(bridge.address(bridge.token), "client")
    lines = await kept(bridge)
    assert [line["action"] for line in lines] == ["read"] * 4 + ["session", "read", "token", "login"]
    assert {(line["user"], line["outcome"]) for line in lines} == {(bridge.extension.owner, "forbidden")}


async def test_a_native_client_that_may_not_is_kept(
    bridge: Bridge, start_endpoint: Start, jp_serverapp: ServerApp
) -> None:
    await start_endpoint()
    jp_serverapp.web_app.settings["authorizer"] = authorizer = Nothing()
    authorizer.allowed = ("read",)
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        with pytest.raises(OrbitError):
            await client["hpc1"].call("POST", "/sample/submit/s", {})
    (line,) = await kept(bridge)
    assert (line["action"], line["status"], line["endpoint"]) == ("submit", 403, "hpc1")


async def test_a_request_without_the_xsrf_token_is_kept(bridge: Bridge) -> None:
    async with bridge.http() as http:
        await http.get("/")
        jar = dict(http.cookies.items())
    async with bridge.http(authorization="") as http:
        http.cookies.update(jar)
        assert (await http.post("/tokens", json={"name": "hpc1"})).status_code == 403
    (line,) = await kept(bridge)
    assert (line["action"], line["status"]) == ("token", 403)


async def test_sockets_that_do_not_open_are_kept(bridge: Bridge) -> None:
    for token, path in (("wrong", "client"), ("wrong", "register"), (bridge.token, "register")):
        with pytest.raises(OrbitError):
            await dial(bridge.address(token), path)
    async with bridge.http() as http:
        await http.get("/")
        jar = dict(http.cookies.items())
    async with bridge.http(authorization="", Origin="https://elsewhere.org") as http:
        http.cookies.update(jar)
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        answer = await http.get("/client", headers={**upgrade, "Sec-WebSocket-Key": "x"})
        assert answer.status_code == 403
    assert told(await kept(bridge), "action", "route", "status") == [
        ("login", "GET /client", 403),
        ("register", "GET /register", 401),
        ("register", "GET /register", 401),
        ("login", "GET /client", 403),
    ]


async def test_endpoints_that_may_not_register_are_kept(bridge: Bridge, dial_peer: Dial) -> None:
    (await dial_peer("hpc1", resume_key="one")).serve()
    refused = [
        await dial_peer("hpc1", resume_key="two"),
        await dial_peer("hpc2", bridge.endpoint_token("hpc1")),
        await dial_peer("a/b", bridge.endpoint_token("*")),
        await dial_peer("hpc3", protocol=(99, 99)),
        await dial_peer("hpc4", role="client"),
    ]
    assert all(isinstance(peer.first, Bye) for peer in refused)
    lines = await kept(bridge)
    assert told(lines, "endpoint", "outcome", "status") == [
        ("hpc1", "conflict", 409),
        ("hpc2", "forbidden", 403),
        ("a/b", "invalid-field", 422),
        ("hpc3", "protocol-error", 502),
        ("hpc4", "bad-request", 400),
    ]
    assert {(line["action"], line["user"]) for line in lines} == {("register", bridge.extension.owner)}


# -- where it goes ---------------------------------------------------------------------------------------------


class Collecting(logging.Handler):
    """An admin's handler."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def events(bridge: Bridge) -> EventLogger:
    """Return the server's events."""
    logger: EventLogger = bridge.extension.settings["event_logger"]
    return logger


async def test_handlers_and_listeners_of_jupyters_events_get_it(bridge: Bridge, events: EventLogger) -> None:
    heard: list[Line] = []
    came = asyncio.Event()

    async def listener(logger: EventLogger, schema_id: str, data: Line) -> None:
        heard.append(data)
        came.set()

    handler = Collecting()
    events.register_handler(handler)
    events.add_listener(schema_id=SCHEMA_ID, listener=listener)
    async with bridge.http() as http:
        await http.post("/tokens", json={"name": "hpc1"})
    await asyncio.wait_for(came.wait(), 20)
    lines = await kept(bridge)
    assert heard == lines
    (handled,) = handler.lines
    assert handled["__schema__"] == SCHEMA_ID
    assert {name: value for name, value in handled.items() if not name.startswith("__")} == lines[0]


async def test_jupyters_own_events_and_forged_ones_are_not_in_the_file(
    bridge: Bridge, events: EventLogger
) -> None:
    handler = Collecting()
    events.register_handler(handler)
    async with bridge.http() as http:
        await http.post("/tokens", json={"name": "hpc1"})
    server = bridge.url.removesuffix("/orbit")
    async with bridge.http() as http:
        await http.put(f"{server}/api/contents/a.txt", json={"type": "file", "format": "text", "content": "x"})
        (line,) = await kept(bridge)
        forged = {"schema_id": SCHEMA_ID, "version": "1", "data": {**line, "user": "somebody-else"}}
        assert (await http.post(f"{server}/api/events", json=forged)).status_code == 204
    assert [said["__schema__"] for said in handler.lines].count(SCHEMA_ID) == 2
    assert len({said["__schema__"] for said in handler.lines}) == 2
    assert await kept(bridge) == [line]


async def test_the_file_is_its_owners_alone(bridge: Bridge) -> None:
    path = Path(bridge.extension.audit_log)
    assert path == Path.home() / ".radical" / "orbit" / "logs" / "audit.jsonl"
    async with bridge.http() as http:
        await http.post("/tokens", json={"name": "hpc1"})
    await kept(bridge)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class TestSetDifferently:
    """The two options."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
        mine = {"audit_log": str(tmp_path / "elsewhere" / "log"), "audit_log_size": 400}
        return {**jp_server_config, "OrbitExtension": {**jp_server_config["OrbitExtension"], **mine}}

    async def test_the_file_is_where_and_as_large_as_it_was_said(self, bridge: Bridge, tmp_path: Path) -> None:
        log = bridge.extension.audit
        async with bridge.http() as http:
            for _ in range(4):
                await http.post("/tokens", json={"name": "hpc1"})
                await log.flush()
        assert len(await kept(bridge)) == 1
        names = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
        assert names == ["log", "log.1", "log.2", "log.3"]


class TestSwitchedOff:
    """No file."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        mine = {**jp_server_config["OrbitExtension"], "audit_log": ""}
        return {**jp_server_config, "OrbitExtension": mine}

    async def test_without_a_path_there_is_no_file_but_events(
        self, bridge: Bridge, events: EventLogger, home: Path
    ) -> None:
        handler = Collecting()
        events.register_handler(handler)
        async with bridge.http() as http:
            await http.post("/tokens", json={"name": "hpc1"})
        await bridge.extension.audit.close()
        assert [line["action"] for line in handler.lines] == ["token"]
        assert list(home.rglob("audit*")) == []


# -- the file --------------------------------------------------------------------------------------------------


def test_old_files_are_counted_up_and_the_oldest_goes(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "logs" / "a.jsonl", 10)
    for number in range(KEPT + 5):
        file.append(b"line %04d\n" % number)
    found = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    last = KEPT + 4
    assert found == {
        "a.jsonl": f"line {last:04}\n",
        **{f"a.jsonl.{number}": f"line {last - number:04}\n" for number in range(1, KEPT + 1)},
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "logs").iterdir()} == {0o600}


def test_a_size_of_zero_never_begins_a_new_file(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "logs" / "a.jsonl", 0)
    for _ in range(100):
        file.append(b"x" * 1000)
    assert [path.stat().st_size for path in (tmp_path / "logs").iterdir()] == [100_000]


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    path.chmod(0o644)
    AuditFile(path, 0).append(b"{}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "{}\n{}\n"


def test_a_disk_that_fills_up_leaves_no_half_line(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "logs" / "a.jsonl", 0)
    file.append(b"first\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.append(b"second\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.append(b"third\n")
    assert file.path.read_text() == "first\nthird\n"


# -- disks that misbehave --------------------------------------------------------------------------------------


async def test_a_full_disk_hurts_nobody_and_the_next_line_says_how_many_are_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "audit.jsonl"
    path.mkdir()  # as good as a full disk: it can't be written
    log = AuditLog(lambda _: None, AuditFile(path, 0))

    async def note(number: int) -> None:
        for _ in range(number):
            log.refused("POST", "/tokens", 403, b"", "", 0.0)
        await log.flush()

    await note(2)
    await note(3)
    path.rmdir()
    await note(2)
    await log.close()
    assert [fits(json.loads(line)).get("missed") for line in path.read_text().splitlines()] == [5, None]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_a_disk_that_hangs_holds_up_no_call_and_no_more_than_so_many_lines(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_WAITING", 3)
    path = Path(bridge.extension.audit_log)
    path.parent.mkdir(parents=True)
    os.mkfifo(path, 0o600)  # whoever opens it waits for a reader
    log, read = bridge.extension.audit, list[str]()
    reader = threading.Thread(target=lambda: read.extend(_lines(path, 5)), daemon=True)
    async with bridge.http() as http:
        try:
            await http.post("/tokens", json={"name": "hpc1"})
            while log._waiting:  # until the writer has the first line, and hangs
                await asyncio.sleep(0)
            for _ in range(5):
                assert (await http.post("/tokens", json={"name": "hpc1"})).status_code == 200
        finally:
            reader.start()
        await log.flush()
        await http.post("/tokens", json={"name": "hpc1"})
    await log.close()
    await asyncio.to_thread(reader.join)
    assert [fits(json.loads(line)).get("missed") for line in read] == [None] * 4 + [2]


def _lines(fifo: Path, count: int) -> list[str]:
    """Read so many lines from a fifo."""
    found: list[str] = []
    # Open for writing as well, so that it doesn't end between two writers.
    with open(os.open(fifo, os.O_RDWR), "rb") as reader:
        while len(found) < count:
            found.append(reader.readline().decode())
    return found


async def test_a_listener_that_fails_is_said_once_and_costs_no_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: Line) -> None:
        raise ZeroDivisionError

    log = AuditLog(fail, AuditFile(tmp_path / "a", 0))
    for _ in range(3):
        log.refused("POST", "/tokens", 403, b"", "", 0.0)
    await log.close()
    assert len((tmp_path / "a").read_text().splitlines()) == 3
    assert len(caplog.records) == 1


async def test_a_log_that_was_closed_takes_no_more(tmp_path: Path) -> None:
    log = AuditLog(lambda _: None, AuditFile(tmp_path / "a", 0))
    await log.close()
    log.refused("POST", "/tokens", 403, b"x" * 9999, "", 0.0)
    await log.close()
    assert not (tmp_path / "a").exists()


def test_the_schema_goes_with_the_package() -> None:
    assert SCHEMA.parent == Path(audit.__file__).parent
    assert SCHEMA.read_text().startswith(f"$id: {SCHEMA_ID}\n")
    assert httpx.URL(SCHEMA_ID).scheme == "urn"
