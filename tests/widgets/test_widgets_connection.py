"""The bridge of widgets that were told of none: one connection for all of them, while it is any good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from stage import wait_until

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.link import Transport
from orbit_jupyter.protocol import UnauthenticatedError
from orbit_jupyter_widgets import calls
from orbit_jupyter_widgets import connection as module
from orbit_jupyter_widgets.connection import connection

if TYPE_CHECKING:
    from orbit_jupyter.plugin.testing import StarClient

Ends = Callable[["StarClient", BridgeClient, pytest.MonkeyPatch], None]


@pytest.fixture
def made(hpc: StarClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BridgeClient]]:
    """Have `connect` lead to the bridge in memory; return the connections that it has made."""
    clients: list[BridgeClient] = []

    def connect() -> BridgeClient:
        clients.append(type(hpc.bridge)(hpc.star))
        clients[-1].open()
        return clients[-1]

    monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setattr(module, "_shared", [])
    yield clients
    for client in clients:
        client.close()


def closed(_: StarClient, client: BridgeClient, __: pytest.MonkeyPatch) -> None:
    client.close()


def refused(hpc: StarClient, client: BridgeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Break the connection of a client whose token has been revoked."""

    async def dial() -> Transport:
        raise UnauthenticatedError("the token was revoked")

    async def cut() -> None:
        for link in list(hpc.star.hub.clients):
            link.down("the server has begun anew")

    monkeypatch.setattr(client.aio, "_dial", dial)
    hpc.run(cut())


@pytest.mark.parametrize("end", [closed, refused])
def test_widgets_share_one_connection_until_it_is_no_good(
    hpc: StarClient, made: list[BridgeClient], monkeypatch: pytest.MonkeyPatch, end: Ends
) -> None:
    first = calls.log().client
    assert calls.topology().client is first is connection()
    end(hpc, first, monkeypatch)
    wait_until(lambda: connection() is not first, "there is another one")
    assert calls.jobs().endpoint == "hpc1"
    assert len(made) == 2
