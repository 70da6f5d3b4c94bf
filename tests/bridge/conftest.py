"""A bridge in a Jupyter server, and endpoints that dial it: real ones, and peers that misbehave."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from bridge_stage import Bridge, Peer, Start
from jupyter_server.serverapp import ServerApp

from orbit_jupyter.bridge.extension import OrbitExtension
from orbit_jupyter.endpoint import EndpointService
from orbit_jupyter.link.websocket import dial
from orbit_jupyter.protocol import Hello, decode, encode


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"orbit_jupyter": True, "jupyter_server_terminals": False},
            "reraise_server_extension_failures": True,
            "allow_unauthenticated_access": False,
        },
        "OrbitExtension": {"local_endpoint": "off", "revocation_interval": 0.05},
    }


@pytest.fixture
def bridge(
    jp_serverapp: ServerApp,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    http_server_port: tuple[Any, int],
    jp_base_url: str,
    http_server: Any,
) -> Bridge:
    # pytest-jupyter doesn't call the start hook by itself.
    started: Any = jp_serverapp.extension_manager.start_all_extensions()  # type: ignore[no-untyped-call]
    jp_asyncio_loop.run_until_complete(started)
    extension: OrbitExtension = jp_serverapp.web_app.settings["orbit_extension"]
    url = f"http://127.0.0.1:{http_server_port[1]}{jp_base_url}orbit"
    return Bridge(extension, url, jp_serverapp.identity_provider.token)


@pytest.fixture
def start_endpoint(
    bridge: Bridge, jp_asyncio_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Start real endpoint services in this process, and end them."""
    started: list[EndpointService] = []

    async def start(
        name: str = "hpc1", plugins: tuple[str, ...] = ("sample_plugin:SamplePlugin",)
    ) -> EndpointService:
        monkeypatch.setenv("RADICAL_ORBIT_ENDPOINT_TOKEN", bridge.endpoint_token(name))
        service = EndpointService(bridge.url, name=name, plugins=plugins)
        service.start_background()
        started.append(service)
        await bridge.until(lambda: bridge.extension.hub.registry.get(name) is not None)
        return service

    yield start
    for service in started:
        jp_asyncio_loop.run_until_complete(asyncio.to_thread(service.stop))


@pytest.fixture
def dial_peer(
    bridge: Bridge, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Callable[..., Awaitable[Peer]]]:
    """Dial in by hand; what was opened is closed."""
    peers: list[Peer] = []

    async def dial_in(name: str = "evil", token: str | None = None, **hello: Any) -> Peer:
        transport = await dial(bridge.address(token or bridge.endpoint_token(name)), "register")
        said = Hello(**{"role": "endpoint", "name": name, "boot_id": uuid.uuid4().hex, **hello})
        await transport.send(encode(said))
        peers.append(Peer(transport, decode(await transport.receive())))
        return peers[-1]

    yield dial_in
    for peer in peers:
        jp_asyncio_loop.run_until_complete(peer.close())
