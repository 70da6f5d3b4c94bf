"""A whole join: a real server, its endpoint `local`, a program called as ssh is, and the endpoint it starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_ssh import FakeHosts
from stage import Server, server, wait_until

from orbit_jupyter.client import BridgeClient, EndpointClient

PASSWORD = "Geheim-4711"


@pytest.fixture
def lab(hosts: FakeHosts, tmp_path: Path) -> Iterator[Server]:
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=join,sysinfo")
    with server(tmp_path / "lab", *arguments) as running:
        yield running


@pytest.fixture
def bridge(lab: Server) -> Iterator[BridgeClient]:
    with lab.client() as client:
        client.wait_for_endpoint("local", 30)
        yield client


class Page:
    """What the page does: it makes the token, hands over what it knows, and revokes what is spent."""

    def __init__(self, bridge: BridgeClient) -> None:
        self.bridge, self.local = bridge, bridge["local"]
        self.sid = self.local.call("POST", "/join/register_session")["sid"]

    def known(self, name: str) -> dict[str, Any]:
        ids = [one["id"] for one in self.bridge.call("GET", "/tokens")["tokens"] if one["name"] == name]
        listed = self.bridge.call("POST", "/endpoint/list")["data"]["endpoints"]
        facts = listed.get(name, {}).get("endpoint")
        holder = facts and {"hostname": facts["hostname"], "pid": facts["pid"]}
        return {"id": self.bridge.aio.bridge_id, "token_ids": ids, "holder": holder}

    def join(self, host: str = "hpc", name: str = "hpc1") -> dict[str, Any]:
        known = self.known(name)
        token = self.bridge.call("POST", "/tokens", {"name": name, "parent": "local", "expires": "2h"})["token"]
        body = {"target": host, "name": name, "bridge": known, "token": token, "plugins": "sysinfo"}
        return self._end(self.local.call("POST", f"/join/start/{self.sid}", body)["join_id"])

    def leave(self, name: str = "hpc1") -> dict[str, Any]:
        body = {"name": name, "bridge": self.known(name), "remove": True}
        return self._end(self.local.call("POST", f"/join/leave/{self.sid}", body)["join_id"])

    def _end(self, id: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            joins = self.local.call("GET", f"/join/joins/{self.sid}")["joins"]
            shown: dict[str, Any] = next(one for one in joins if one["join_id"] == id)
            if shown["question"]:
                body = {"question": shown["question"]["id"], "reply": PASSWORD, "salt": "0" * 16}
                self.local.call("POST", f"/join/answer/{self.sid}/{id}", body)
            return shown if shown["state"] in ("done", "failed", "cancelled") else None

        shown: dict[str, Any] = wait_until(over, "it has ended", 90)
        return shown

    def tokens(self, name: str = "hpc1") -> list[str]:
        return [one["id"] for one in self.bridge.call("GET", "/tokens")["tokens"] if one["name"] == name]


def kinds(shown: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(one["step"] for one in shown["steps"]))


def answers(endpoint: EndpointClient) -> bool:
    assert endpoint.call("GET", "/sysinfo/version")
    return True


def test_a_cluster_joins_is_found_again_and_leaves(hosts: FakeHosts, bridge: BridgeClient, lab: Server) -> None:
    home = hosts.add("hpc", ("me@hpc's password: ", PASSWORD))
    page = Page(bridge)
    shown = page.join()
    assert shown["state"] == "done", shown
    assert kinds(shown) == ["connect", "python", "install", "token", "tunnel", "start", "wait", "done"]
    assert {one["state"] for one in shown["steps"]} == {"done"}
    assert answers(bridge["hpc1"])
    assert shown["spent"] == []
    (first,) = page.tokens()

    again = page.join()
    assert (again["state"], kinds(again)) == ("done", ["connect", "tunnel", "wait", "done"])
    # The token that wasn't needed is gone, though nobody has revoked it: the bridge believes the endpoint.
    wait_until(lambda: page.tokens() == [first], "the second token is gone")

    # Its process is killed and the connection with it: a new one, with a token of its own.
    pid = bridge.call("POST", "/endpoint/list")["data"]["endpoints"]["hpc1"]["endpoint"]["pid"]
    for master in hosts.masters():
        os.kill(master, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    third = page.join()
    assert (third["state"], third["message"]) == ("done", None)
    assert "start" in kinds(third)
    assert answers(bridge["hpc1"])
    wait_until(lambda: first not in page.tokens() and len(page.tokens()) == 1, "the first token is gone")

    left = page.leave()
    assert (left["state"], left["message"]) == ("done", None)
    wait_until(lambda: "hpc1" not in bridge.list_endpoints(), "the bridge knows")
    wait_until(lambda: page.tokens() == [], "its token is gone")
    assert hosts.masters() == []
    assert list(home.rglob("*")) == []
    kept = b"".join(path.read_bytes() for path in lab.home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept


def test_a_name_that_another_endpoint_has_is_refused_and_nothing_is_left(
    hosts: FakeHosts, bridge: BridgeClient
) -> None:
    home = hosts.add("hpc")
    page = Page(bridge)
    shown = page.join(name="local")
    assert shown["state"] == "failed"
    assert "an endpoint local is connected already" in shown["message"]
    assert hosts.masters() == []
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert page.tokens("local") == []
