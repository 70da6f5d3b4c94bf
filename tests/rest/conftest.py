"""A bridge and an endpoint with the real plugins, each in its own process; the tests in this folder share both."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from stage import Server, endpoint, server

OWN = ("FrailPlugin", "HastyPlugin", "WeatherPlugin", "ToldQueueInfoPlugin")
PLUGINS = ("sysinfo", "psij", "sample_plugin:SamplePlugin", *(f"rest_plugins:{name}" for name in OWN))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a bridge with an endpoint `hpc1`."""
    folder = tmp_path_factory.mktemp("site")
    with server(folder / "home", "--OrbitExtension.local_endpoint=off") as running:
        token = running.endpoint_token("hpc1")
        with endpoint(running.url, "hpc1", token, folder / "hpc1", "--plugins", ",".join(PLUGINS)):
            with running.client() as client:
                client.wait_for_endpoint("hpc1", 30)
            yield running


@pytest.fixture(scope="session")
def http(site: Server) -> Iterator[httpx.Client]:
    """Return a client with the server's token."""
    headers = {"Authorization": f"token {site.info['token']}"}
    with httpx.Client(base_url=site.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client
