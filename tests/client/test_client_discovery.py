"""Where a client finds its bridge and its token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from orbit_jupyter.client.discovery import find_address

PID = "4711"
SERVER, OTHER = "http://127.0.0.1:8888/orbit", "https://elsewhere:9999/orbit"


class Places(NamedTuple):
    """Where something may lie: files under HOME and of the server, and the environment."""

    home: Path
    runtime: Path
    environ: pytest.MonkeyPatch

    def secret(self, path: Path, text: str, mode: int = 0o600) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def server(self, url: str = SERVER, token: str = "server-token", pid: str = PID) -> None:
        """Run under a Jupyter server that has an Orbit bridge."""
        self.environ.setenv("JPY_PARENT_PID", pid)
        self.secret(self.runtime / f"orbit-{PID}.json", json.dumps({"url": url, "token": token}))

    def url_file(self, url: str) -> None:
        self.secret(self.home / "bridge.url", url + "\n", 0o644)

    def token_file(self, token: str, mode: int = 0o600) -> None:
        self.secret(self.home / "client.token", token + "\n", mode)


@pytest.fixture
def places(home: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    runtime = home / "runtime"
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    return Places(home / ".radical" / "orbit", runtime, monkeypatch)


def test_in_a_notebook_no_argument_is_needed(places: Places) -> None:
    places.server()
    address = find_address()
    assert (address.url, address.token) == (SERVER, "server-token")
    assert str(places.runtime / f"orbit-{PID}.json") in address.token_from


def test_url_is_the_argument_before_the_environment_before_the_server_before_the_file(places: Places) -> None:
    places.environ.setenv("RADICAL_ORBIT_CLIENT_TOKEN", "t")
    places.url_file("http://file/orbit")
    assert find_address().url == "http://file/orbit"
    places.server()
    assert find_address().url == SERVER
    places.environ.setenv("RADICAL_ORBIT_BRIDGE_URL", "http://env/orbit")
    assert find_address().url == "http://env/orbit"
    assert find_address("http://argument/orbit").url == "http://argument/orbit"


def test_token_is_the_argument_before_the_environment_before_the_server_before_the_file(places: Places) -> None:
    places.url_file(SERVER)
    places.token_file("of the file")
    assert find_address().token == "of the file"
    places.server()
    assert find_address().token == "server-token"
    places.environ.setenv("RADICAL_ORBIT_CLIENT_TOKEN", "of the environment")
    assert find_address().token == "of the environment"
    assert find_address(token="of the argument").token == "of the argument"


@pytest.mark.parametrize("how", ["argument", "variable"])
@pytest.mark.parametrize(
    "url", [OTHER, "http://127.0.0.1:8889/orbit", "https://127.0.0.1:8888/orbit", SERVER + "/../evil"]
)
def test_token_of_the_server_is_never_given_to_another_url(places: Places, how: str, url: str) -> None:
    places.server()
    if how == "variable":
        places.environ.setenv("RADICAL_ORBIT_BRIDGE_URL", url)
    with pytest.raises(ValueError, match="no token for the bridge at") as caught:
        find_address(url if how == "argument" else None)
    assert "server-token" not in str(caught.value)
    places.token_file("mine")
    assert find_address(url if how == "argument" else None).token == "mine"


def test_credentials_in_the_url_are_used_and_the_file_s_token_is_not_given_away(places: Places) -> None:
    places.token_file("of the file")
    address = find_address("https://orbit:in-url@elsewhere/orbit")
    assert (address.url, address.token, address.token_from) == ("https://elsewhere/orbit", "in-url", "the URL")


def test_error_without_a_url_names_every_place_that_was_looked_at(places: Places) -> None:
    with pytest.raises(ValueError, match="no bridge URL was found") as caught:
        find_address()
    text = str(caught.value)
    for place in ("the argument", "$RADICAL_ORBIT_BRIDGE_URL", "Jupyter server", str(places.home / "bridge.url")):
        assert place in text


def test_error_without_a_token_names_every_place_and_what_to_do(places: Places) -> None:
    with pytest.raises(ValueError, match=f"no token for the bridge at {OTHER} was found") as caught:
        find_address(OTHER)
    text = str(caught.value)
    for place in ("the argument", "$RADICAL_ORBIT_CLIENT_TOKEN", str(places.home / "client.token")):
        assert place in text
    assert "export RADICAL_ORBIT_CLIENT_TOKEN=" in text


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_token_s_file_that_others_can_read_is_refused(places: Places, mode: int) -> None:
    places.token_file("mine", mode)
    with pytest.raises(PermissionError, match="chmod 600"):
        find_address(OTHER)
    assert find_address(OTHER, token="given").token == "given"


def test_server_s_file_that_others_can_read_is_refused(places: Places) -> None:
    places.server()
    (places.runtime / f"orbit-{PID}.json").chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        find_address()


@pytest.mark.parametrize("pid", ["", "1; rm", "../4711", "4712"])
def test_kernel_of_no_server_with_a_bridge_finds_none(places: Places, pid: str) -> None:
    places.server(pid=pid)
    with pytest.raises(ValueError, match="it has no Orbit bridge"):
        find_address()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"url": "http://x/orbit"}'])
def test_server_s_file_that_is_damaged_is_as_none(places: Places, text: str) -> None:
    places.server()
    places.secret(places.runtime / f"orbit-{PID}.json", text)
    places.url_file(OTHER)
    places.token_file("mine")
    assert (find_address().url, find_address().token) == (OTHER, "mine")


def test_certificate_is_taken_along(places: Places, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_text("x")
    assert find_address(OTHER, str(cert), "t").cert == str(cert)
    assert find_address(OTHER, token="t").cert is None
    places.environ.setenv("RADICAL_ORBIT_BRIDGE_CERT", str(cert))
    assert find_address(OTHER, token="t").cert == str(cert)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_address(OTHER, "/nowhere.pem", "t")
