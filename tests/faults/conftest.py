"""A bridge, an endpoint and a client, each a process or in this one, and a network between them that fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_proxy import FaultProxy
from stage import Server, endpoint, server

PLUGINS = ("--plugins", "psij,chaos_plugin:ChaosPlugin")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a bridge."""
    with server(tmp_path_factory.mktemp("bridge"), "--OrbitExtension.local_endpoint=off") as running:
        yield running


@pytest.fixture(scope="module")
def hpc1(lab: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run the bridge with an endpoint `hpc1`."""
    with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path_factory.mktemp("hpc1"), *PLUGINS):
        with lab.client() as client:
            client.wait_for_endpoint("hpc1", 30, poll=0.1)
        yield lab


@pytest.fixture
def network(lab: Server) -> Iterator[FaultProxy]:
    """Run a network in front of the bridge."""
    with FaultProxy(lab.port) as proxy:
        yield proxy
