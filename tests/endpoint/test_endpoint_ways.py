"""How an endpoint comes to its bridge; over a real ssh in tests/services/test_services_tunnels.py."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import wait_until

from orbit_jupyter.endpoint import EndpointService, ways
from orbit_jupyter.endpoint.ways import Auto, Forward, Reverse, make_way, target_of
from orbit_jupyter.link import Address
from orbit_jupyter.protocol import BridgeConnectionError
from orbit_jupyter.ssh import Rendezvous, TunnelError

URL = "https://bridge.example:8443/orbit"


def address(url: str = URL) -> Address:
    return Address(url, token="secret")


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_SSH", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (URL, "bridge.example:8443"),
        ("https://bridge.example/orbit", "bridge.example:443"),
        ("http://bridge.example/orbit", "bridge.example:80"),
        ("http://[::1]:1/orbit", "[::1]:1"),
    ],
)
def test_bridge_s_host_and_port(url: str, target: str) -> None:
    assert target_of(address(url)) == target


def test_no_tunnel_is_no_way() -> None:
    assert make_way("none", "hpc1.1", address(), None, None, {}) is None


@pytest.mark.parametrize(
    ("given", "environ", "via"),
    [
        ("login9", {"PBS_O_HOST": "login1"}, "login9"),
        (None, {"PBS_O_HOST": "login1", "SLURM_SUBMIT_HOST": "login2"}, "login1"),
        (None, {"SLURM_SUBMIT_HOST": "login2"}, "login2"),
    ],
)
def test_forward_goes_through_the_host_of_the_submit(given: str | None, environ: dict[str, str], via: str) -> None:
    way = make_way("forward", "hpc1.1", address(), given, None, environ)
    assert isinstance(way, Forward)
    assert way.via == via


def test_forward_from_nowhere_says_what_to_give() -> None:
    with pytest.raises(ValueError, match=r"give --tunnel-via HOST .*PBS_O_HOST, SLURM_SUBMIT_HOST"):
        make_way("forward", "hpc1.1", address(), None, None, {})


@pytest.mark.parametrize(
    ("mode", "via", "target"),
    [
        ("ssh", "login1", None),
        ("forward", "-oProxyCommand=x", None),
        ("auto", "-oProxyCommand=x", None),
        ("forward", "login1", "-oProxyCommand=x"),
        ("reverse", None, "nowhere"),
    ],
)
def test_what_can_not_be_is_refused(mode: str, via: str | None, target: str | None) -> None:
    with pytest.raises(ValueError, match=r"must be one of|is no host name"):
        make_way(mode, "hpc1.1", address(), via, target, {})


def test_service_refuses_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_ENDPOINT_TOKEN", "secret")
    with pytest.raises(ValueError, match="tunnel must be one of none, forward, reverse, auto"):
        EndpointService(URL, name="hpc1.1", tunnel="yes")


@pytest.mark.usefixtures("no_ssh")
def test_forward_that_does_not_stand_says_why() -> None:
    way = make_way("forward", "hpc1.1", address(), "login1", None, {})
    assert way is not None
    with pytest.raises(TunnelError, match="there is no ssh on"):
        way.open()
    with pytest.raises(BridgeConnectionError, match="there is no ssh on"):
        way.through()
    way.close()


@pytest.fixture
def reverse() -> Iterator[Reverse]:
    way = make_way("reverse", "hpc1.1", address(), None, None, {})
    assert isinstance(way, Reverse)
    yield way
    way.close()


def test_reverse_asks_and_takes_the_port_that_it_is_given(reverse: Reverse) -> None:
    there = Rendezvous("hpc1.1")
    there.offer(1, 1)  # of an earlier life
    opening = threading.Thread(target=reverse.open)
    opening.start()
    asked = wait_until(there.asked, "it asks")
    assert (asked[0].hostname, asked[0].bridge_host, asked[0].bridge_port) == (
        socket.gethostname(),
        "bridge.example",
        8443,
    )
    with pytest.raises(BridgeConnectionError, match="is down"):
        reverse.through()
    there.offer(4711, 99)
    opening.join(20)
    assert not opening.is_alive()
    assert reverse.through() == "127.0.0.1:4711"
    there.offer(4712, 99)  # repaired
    assert reverse.through() == "127.0.0.1:4712"
    reverse.close()
    assert there.asked() is None


def test_reverse_that_nobody_serves_says_where_to_look(reverse: Reverse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "REVERSE_TIME", 0.2)
    monkeypatch.setattr(ways, "LOOK", 0.05)
    with pytest.raises(TunnelError, match=r"no tunnel came within 0\.2 s.*tunnel_status there"):
        reverse.open()


def test_reverse_can_be_closed_while_it_waits(reverse: Reverse) -> None:
    closing = threading.Timer(0.2, reverse.close)
    closing.start()
    with pytest.raises(TunnelError):
        reverse.open()
    closing.join()


def test_auto_goes_straight_where_the_bridge_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # A loopback address would be another machine's, on a node.
        monkeypatch.setattr(ways, "LOOPBACK", ())
        way = make_way(
            "auto", "hpc1.1", address(f"http://127.0.0.1:{listener.getsockname()[1]}/orbit"), "l", None, {}
        )
        assert isinstance(way, Auto)
        way.open()
        assert way.through() is None
        way.close()


@pytest.mark.usefixtures("no_ssh")
def test_auto_asks_for_a_tunnel_where_none_can_be_made() -> None:
    way = make_way("auto", "hpc1.1", address("http://127.0.0.1:1/orbit"), "login1", None, {})
    assert way is not None
    opening = threading.Thread(target=way.open)
    opening.start()
    there = Rendezvous("hpc1.1")
    wait_until(there.asked, "it asks")
    there.offer(4711, 99)
    opening.join(20)
    assert way.through() == "127.0.0.1:4711"
    way.close()
