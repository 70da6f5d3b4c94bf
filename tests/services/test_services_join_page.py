"""The plugin `join` over a real sshd: an unknown host key, a password, and a whole join from the page's side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_join import Cluster
from session_accounts import Account
from ssh_server import SshServer
from stage import Server, server, wait_until
from test_services_join_asking import with_config

from orbit_jupyter.client import BridgeClient


@pytest.fixture
def cluster(sshd: SshServer, lab: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Return the login node, before anybody has joined it."""
    cluster = Cluster(sshd, lab, monkeypatch)
    yield cluster
    cluster.close()


class Page:
    """What the page does: makes the token, hands over what it knows, answers what it is asked."""

    def __init__(self, bridge: BridgeClient, replies: list[str]) -> None:
        self.bridge, self.local, self.replies = bridge, bridge["local"], replies
        self.sid = self.local.call("POST", "/join/register_session")["sid"]
        self.asked: list[dict[str, Any]] = []

    def do(self, route: str, **body: Any) -> dict[str, Any]:
        body["bridge"] = {"id": self.bridge.aio.bridge_id}
        id = self.local.call("POST", f"/join/{route}/{self.sid}", body)["join_id"]
        shown: dict[str, Any] = wait_until(lambda: self._look(id), f"{route} has ended", 120)
        return shown

    def _look(self, id: str) -> dict[str, Any] | None:
        joins = self.local.call("GET", f"/join/joins/{self.sid}")["joins"]
        shown: dict[str, Any] = next(one for one in joins if one["join_id"] == id)
        if shown["question"] is not None:
            self.asked.append(shown["question"])
            body = {"question": shown["question"]["id"], "reply": self.replies.pop(0), "salt": "0" * 16}
            self.local.call("POST", f"/join/answer/{self.sid}/{id}", body)
        return shown if shown["state"] in ("done", "failed", "cancelled") else None


@contextlib.contextmanager
def lab_with_join(home: Path) -> Iterator[BridgeClient]:
    arguments = ("--OrbitExtension.local_endpoint=on", "--OrbitExtension.local_plugins=join")
    with server(home, *arguments) as running, running.client() as client:
        client.wait_for_endpoint("local", 30)
        yield client


def test_a_page_joins_a_cluster_and_leaves_it(
    cluster: Cluster, other_user: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = tmp_path / "known_hosts"
    with_config(cluster.sshd, tmp_path, monkeypatch, UserKnownHostsFile=str(known), StrictHostKeyChecking="ask")
    with lab_with_join(tmp_path / "lab") as bridge:
        page = Page(bridge, ["yes", "wrong", other_user.password])
        token = bridge.call("POST", "/tokens", {"name": "hpc1", "parent": "local", "expires": "2h"})["token"]
        shown = page.do("start", target="hpc-password", name="hpc1", token=token, plugins="sysinfo")
        assert (shown["state"], shown["message"]) == ("done", None)
        assert [one["kind"] for one in page.asked] == ["host key", "password", "password"]
        assert "SHA256:" in page.asked[0]["prompt"]
        metrics = bridge["hpc1"].sysinfo.get_metrics()
        assert metrics["system"]["user"] == other_user.name

        assert page.do("leave", name="hpc1", remove=True)["state"] == "done"
        wait_until(lambda: bridge.call("GET", "/tokens")["tokens"] == [], "the bridge has forgotten the token")
        cluster.until_gone("hpc-password")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "lab").rglob("*") if path.is_file())
    assert other_user.password.encode() not in kept
