"""The routes of radical.orbit 0.2.0 that end something: an endpoint, or the bridge."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest
from stage import Server, endpoint, server

pytestmark = pytest.mark.timeout(120)


def test_disconnect_ends_an_endpoint_and_what_waits_for_it(
    site: Server, http: httpx.Client, tmp_path: Path
) -> None:
    """Its process ends too, and comes back as little as there."""
    answers: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: answers.append(http.get("/hpc2/sample/wait")))
    token, plugins = site.endpoint_token("hpc2"), "sample_plugin:SamplePlugin"
    with endpoint(site.url, "hpc2", token, tmp_path / "hpc2", "--plugins", plugins) as process:
        with site.client() as client:
            client.wait_for_endpoint("hpc2", 30)
        with http.stream("GET", "/events", params={"topic": "waiting"}) as events:
            lines = (line for line in events.iter_lines() if line.startswith("data: "))
            next(lines)
            waiting.start()
            next(line for line in lines if '"waiting"' in line)
        ended = http.post("/endpoint/disconnect/hpc2")
        waiting.join(20)
        assert process.wait(20) == 0
    assert (ended.status_code, ended.json()) == (200, {"status": "shutdown", "endpoint": "hpc2"})
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (503, "endpoint-gone")
    assert http.get("/hpc2/sample/version").status_code == 404


def test_terminate_ends_a_bridge_that_is_a_server_of_its_own(home: Path) -> None:
    with server(home, command=("jupyter", "orbit")) as alone:
        headers = {"Authorization": f"token {alone.info['token']}"}
        answer = httpx.post(f"{alone.url}/bridge/terminate", headers=headers, trust_env=False)
        assert alone.process.wait(20) == 0
    body = answer.json()
    assert (answer.status_code, sorted(body), body["status"]) == (200, ["message", "status"], "terminating")
