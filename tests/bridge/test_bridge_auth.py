"""Every route behind Jupyter's login and authorizer; there is no way in without."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from bridge_stage import Bridge, Peer, Start
from jupyter_server.auth import Authorizer
from jupyter_server.serverapp import ServerApp

from orbit_jupyter.bridge.handlers import HANDLERS
from orbit_jupyter.client import aio
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import ForbiddenError, OrbitError, UnauthenticatedError

ROUTES = [
    ("GET", "/"),
    ("GET", "/static/explorer.js"),
    ("GET", "/events"),
    ("GET", "/endpoints"),
    ("POST", "/endpoint/list"),
    ("POST", "/endpoint/disconnect/hpc1"),
    ("POST", "/bridge/terminate"),
    ("GET", "/tokens"),
    ("POST", "/tokens"),
    ("DELETE", "/tokens/abc"),
    ("GET", "/plugins/sysinfo.js"),
    ("POST", "/endpoint/submit"),
    ("GET", "/endpoint/jobs"),
    ("GET", "/endpoint/job/1"),
    ("POST", "/endpoint/job/1/cancel"),
    ("GET", "/openapi.json"),
    ("GET", "/nonsense"),
    *[(method, "/hpc1/sample/echo") for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")],
]


def test_the_list_of_routes_to_try_is_complete(bridge: Bridge) -> None:
    served = {pattern for pattern, _ in HANDLERS}
    sockets, rest = {r"/orbit/register", r"/orbit/client"}, {r"/orbit/(.+)"}
    assert served == {r"/orbit/?", r"/orbit/static/([^/]+)", r"/orbit/events"} | sockets | rest
    own = {f"/{prefix}" for prefix in bridge.extension.own_routes.prefixes}
    assert own == {
        f"/{path.split('/')[1]}"
        for _, path in ROUTES
        if path.split("/")[1] in bridge.extension.own_routes.prefixes
    }


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "authorization", ["", "token wrong", "Basic b3JiaXQ6d3Jvbmc=", "Bearer wrong", "Basic %%"]
)
async def test_nothing_is_answered_without_credentials(
    bridge: Bridge, start_endpoint: Start, method: str, path: str, authorization: str
) -> None:
    async with bridge.http(authorization=authorization) as http:
        answer = await http.request(method, path)
    assert answer.status_code in (302, 403)
    if answer.status_code == 302:
        assert "/login" in answer.headers["location"]
    elif method != "HEAD":
        assert answer.json()["error"] is True


@pytest.mark.parametrize("path", ["register", "client"])
async def test_no_socket_opens_without_credentials(bridge: Bridge, path: str) -> None:
    with pytest.raises((UnauthenticatedError, ForbiddenError)):
        await dial(bridge.address("wrong"), path)


async def test_an_endpoint_token_opens_nothing_but_register(bridge: Bridge) -> None:
    token = bridge.endpoint_token("hpc1")
    with pytest.raises(ForbiddenError):
        await dial(bridge.address(token), "client")
    async with bridge.http(authorization=f"token {token}") as http:
        assert (await http.get("/endpoints")).status_code == 403


async def test_a_jupyter_token_registers_no_endpoint(bridge: Bridge) -> None:
    with pytest.raises(UnauthenticatedError):
        await dial(bridge.address(bridge.token), "register")


async def test_basic_serves_tools_that_only_know_urls(bridge: Bridge) -> None:
    url = httpx.URL(bridge.url).copy_with(userinfo=f"orbit:{bridge.token}".encode())
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/endpoints")).status_code == 200


async def test_the_token_for_own_kernels_is_the_servers_user(bridge: Bridge, start_endpoint: Start) -> None:
    await start_endpoint()
    async with bridge.http(authorization=f"token {bridge.extension.kernel_token}") as http:
        said = (await http.post("/hpc1/sample/echo")).json()
    assert said["user"] == bridge.extension.owner


async def test_a_cookie_needs_the_xsrf_token_too(bridge: Bridge) -> None:
    async with bridge.http() as http:
        await http.get("/")
        jar = dict(http.cookies.items())
    async with bridge.http(authorization="") as http:
        http.cookies.update(jar)
        assert (await http.get("/endpoints")).status_code == 200
        refused = await http.post("/endpoint/list")
        assert (refused.status_code, refused.json()["error"]) == (403, True)
        passed = await http.post("/endpoint/list", headers={"X-XSRFToken": jar["_xsrf"]})
        assert passed.status_code == 200


class OnlyRead(Authorizer):
    """Lets everyone look and nobody touch."""

    seen: list[tuple[str, str]] = []

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.seen.append((action, resource))
        return action == "read"


async def test_the_authorizer_decides_by_action(
    bridge: Bridge, start_endpoint: Start, jp_serverapp: ServerApp
) -> None:
    await start_endpoint()
    jp_serverapp.web_app.settings["authorizer"] = OnlyRead()
    allowed = [("GET", "/"), ("GET", "/endpoints"), ("POST", "/endpoint/list"), ("GET", "/hpc1/sample/version")]
    refused = [
        ("POST", "/hpc1/sample/echo"),
        ("PUT", "/hpc1/sample/echo"),
        ("DELETE", "/hpc1/sample/echo"),
        ("POST", "/tokens"),
        ("DELETE", "/tokens/x"),
        ("POST", "/endpoint/disconnect/hpc1"),
        ("POST", "/bridge/terminate"),
        ("POST", "/endpoint/submit"),
    ]
    async with bridge.http() as http:
        for method, path in allowed:
            assert (await http.request(method, path)).status_code == 200, path
        for method, path in refused:
            answer = await http.request(method, path)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert {resource for _, resource in OnlyRead.seen} == {"orbit"}


async def test_the_authorizer_decides_over_native_clients_too(
    bridge: Bridge, start_endpoint: Start, jp_serverapp: ServerApp
) -> None:
    await start_endpoint()
    jp_serverapp.web_app.settings["authorizer"] = OnlyRead()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        assert await client["hpc1"].call("GET", "/sample/version") == {"version": "1.2.3"}
        with pytest.raises(ForbiddenError):
            await client["hpc1"].call("POST", "/sample/echo", {})
        with pytest.raises(ForbiddenError):
            await client.call("", "POST", "/tokens", {"name": "x"})


async def test_a_client_cannot_say_who_it_is(bridge: Bridge, start_endpoint: Start) -> None:
    from orbit_jupyter.protocol import Call, Principal

    await start_endpoint()
    async with aio.AsyncBridgeClient(bridge.url, token=bridge.token) as client:
        call = Call(
            id=0, endpoint="hpc1", method="POST", path="/sample/echo", principal=Principal("root", scopes=("all",))
        )
        reply = await client.send(call)
    assert bridge.extension.owner.encode() in reply.body
    assert b'"all"' not in reply.body


async def test_an_endpoint_cannot_call_through_its_link(bridge: Bridge, dial_peer: Any) -> None:
    from orbit_jupyter.protocol import Call

    peer: Peer = await dial_peer("evil")
    serving = peer.serve()
    assert peer.link is not None
    with pytest.raises(ForbiddenError):
        await peer.link.request(Call(id=0, endpoint="", method="GET", path="/tokens"))
    await peer.link.close()
    await asyncio.gather(serving)


class TestWithoutLogin:
    """A Jupyter server that runs with an empty token has no login; Orbit doesn't open there."""

    @pytest.fixture(autouse=True)
    def no_login(self, jp_serverapp: ServerApp) -> None:
        jp_serverapp.identity_provider.token = ""
        assert not jp_serverapp.identity_provider.auth_enabled

    async def test_there_is_no_mode_without_authentication(self, bridge: Bridge) -> None:
        async with bridge.http(authorization="") as http:
            for method, path in ROUTES:
                answer = await http.request(method, path)
                assert answer.status_code == 403, path
            assert "set a token" in (await http.get("/endpoints")).json()["detail"]
        with pytest.raises(OrbitError):
            await dial(bridge.address(""), "client")

    async def test_own_kernels_come_in_all_the_same(self, bridge: Bridge) -> None:
        async with bridge.http(authorization=f"token {bridge.extension.kernel_token}") as http:
            assert (await http.get("/endpoints")).status_code == 200

    async def test_any_other_token_is_refused(self, bridge: Bridge) -> None:
        pair = base64.b64encode(b"orbit:anything").decode()
        for authorization in ("token anything", f"Basic {pair}"):
            async with bridge.http(authorization=authorization) as http:
                assert (await http.get("/endpoints")).status_code == 403
