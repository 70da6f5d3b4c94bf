"""The endpoint `local` in memory with the plugin, and hosts that a program reaches which is called as ssh."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_ssh import FakeHosts

from orbit_jupyter.link import Address
from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.join import JoinPlugin

TOKEN = "orbit_0123456789ab_the-secret-of-the-token"

BRIDGE = {"id": "b1"}


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHosts]:
    """Return hosts without any in them yet; a short path, since there are sockets in it."""
    with tempfile.TemporaryDirectory(prefix="fake-", dir="/tmp") as folder:
        made = FakeHosts(Path(folder))
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made
        made.close()


@pytest.fixture
def local(hosts: FakeHosts, tmp_path: Path) -> Iterator[StarClient]:
    with star(JoinPlugin, name="local", folder=tmp_path / "state") as endpoint:
        yield endpoint


def with_address(endpoint: StarClient) -> StarClient:
    """Have the endpoint know where its bridge is: nowhere that anybody comes to."""
    address = Address.parse("http://127.0.0.1:1/orbit", None, None)
    endpoint.star.state.endpoint_service = SimpleNamespace(address=address)
    return endpoint


class Page:
    """What the page does, by its session."""

    def __init__(self, local: StarClient) -> None:
        self.local = with_address(local)
        self.sid = local.call("POST", "/join/register_session")["sid"]

    def start(self, target: str = "hpc", **more: Any) -> str:
        body = {"target": target, "name": "hpc1", "bridge": BRIDGE, "token": TOKEN, **more}
        return str(self.local.call("POST", f"/join/start/{self.sid}", body)["join_id"])

    def shown(self, join_id: str) -> dict[str, Any]:
        joins = self.local.call("GET", f"/join/joins/{self.sid}")["joins"]
        return next(one for one in joins if one["join_id"] == join_id)

    def answer(self, join_id: str, question: str, reply: str) -> Any:
        body = {"question": question, "reply": reply, "salt": "0123456789abcdef"}
        return self.local.call("POST", f"/join/answer/{self.sid}/{join_id}", body)

    def cancel(self, join_id: str) -> Any:
        return self.local.call("POST", f"/join/cancel/{self.sid}/{join_id}")

    def question(self) -> dict[str, Any]:
        return self.local.event("join_question", 20)

    def end(self, join_id: str) -> dict[str, Any]:
        """Wait until it is over, and return how."""
        while self.local.event("join_step", 60)["step"] != "end":
            pass
        return self.shown(join_id)


@pytest.fixture
def opened() -> Callable[[StarClient], Page]:
    """Return what opens a page with a session of its own."""
    return Page


@pytest.fixture
def page(local: StarClient) -> Page:
    return Page(local)
