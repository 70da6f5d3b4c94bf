from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from stage import wait_until

from orbit_jupyter.plugin import BadRequestError, ConflictError, InvalidFieldError
from orbit_plugins.psij import PSIJClient

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, InProcess


def spec(*arguments: str, script: str = "sleep 300") -> dict[str, Any]:
    return {"executable": "/bin/sh", "arguments": ["-c", script, "sh", *arguments]}


async def submit(host: Host, job_spec: dict[str, Any], key: str = "", **more: Any) -> dict[str, Any]:
    body = {"job_spec": job_spec, **more}
    answer: dict[str, Any] = await host.call("POST", f"submit_tunneled/{host.sid}", body, key=key)
    return answer


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "hpc1"),
        ("--name", "hpc1"),
        ("--name=hpc1",),
        ("-n", "a", "-n", "hpc1"),
        ("-n", "hpc1", "--names", "x"),
    ],
)
async def test_endpoint_s_name_is_read_from_its_arguments(host: Host, arguments: tuple[str, ...]) -> None:
    answer = await submit(host, spec(*arguments, script="exit 0"), tunnel="none")
    assert set(answer) == {"job_id", "native_id", "endpoint_name"}
    assert answer["endpoint_name"] == "hpc1"
    assert (await host.ended(answer["job_id"]))["state"] == "COMPLETED"
    assert (await host.status(answer["job_id"]))["endpoint_name"] == "hpc1"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "arguments", [(), ("-n",), ("--name",), ("--name=",), ("-n", "two words"), ("-n", "bridge"), ("--names", "x")]
)
async def test_arguments_without_a_name_are_422(host: Host, arguments: tuple[str, ...]) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await submit(host, spec(*arguments))
    assert (refused.value.status, refused.value.field) == (422, "job_spec.arguments")
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("tunnel", [True, False, None, "", "None", "ssh", 1, [], {}])
async def test_other_tunnels_are_400(host: Host, tunnel: Any) -> None:
    with pytest.raises(BadRequestError, match="none, forward, reverse") as refused:
        await submit(host, spec("-n", "hpc1"), tunnel=tunnel)
    assert refused.value.status == 400


@pytest.mark.asyncio
async def test_second_job_for_a_live_endpoint_is_409(host: Host) -> None:
    first = await submit(host, spec("-n", "hpc1"), key="k")
    assert await submit(host, spec("-n", "hpc1"), key="k") == first
    with pytest.raises(ConflictError, match=f"job {first['job_id']} is endpoint hpc1 already") as refused:
        await submit(host, spec("-n", "hpc1"))
    assert refused.value.status == 409
    await host.cancel(first["job_id"])
    await host.ended(first["job_id"])
    again = await submit(host, spec("-n", "hpc1", script="exit 0"))
    await host.ended(again["job_id"])


@pytest.mark.asyncio
async def test_tunnel_status_says_that_there_is_none(host: Host) -> None:
    answer = {"endpoint_name": "hpc1", "status": "no_tunnel", "port": None, "pid": None, "error": None}
    assert await host.call("GET", "tunnel_status/hpc1") == answer


@pytest.mark.asyncio
async def test_unknown_fields_are_422_by_name(host: Host) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await submit(host, spec("-n", "hpc1"), via="login1")
    assert refused.value.field == "via"


@pytest.mark.parametrize("tunnel", [True, False, None, "ssh"])
def test_client_refuses_other_tunnels_itself(client: PSIJClient, endpoint: InProcess, tunnel: Any) -> None:
    before = list(endpoint.calls)
    with pytest.raises(ValueError, match="none, forward, reverse"):
        client.submit_tunneled(spec("-n", "hpc1"), tunnel=tunnel)
    assert endpoint.calls == before


def test_client_returns_a_job_with_the_endpoint_s_name(client: PSIJClient) -> None:
    job = client.submit_tunneled(spec("-n", "hpc1", script="exit 0"))
    assert dict(job) == {"job_id": job.id, "native_id": job.native_id, "endpoint_name": "hpc1"}
    assert job.wait(30) == "COMPLETED"
    assert client.tunnel_status("hpc1")["status"] == "no_tunnel"


@pytest.mark.asyncio
async def test_request_that_names_no_host_ends_the_job_and_starts_nothing(host: Host, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    asked = {
        "endpoint_name": "hpc1",
        "hostname": f"-oProxyCommand=touch {mark}",
        "bridge_host": "",
        "bridge_port": 1,
    }
    script = """umask 077; mkdir -p ~/.radical/orbit/tunnels; cd ~/.radical/orbit/tunnels
        printf %s "$ASKED" >a; mv a hpc1.req; sleep 300"""
    wanted = spec("-n", "hpc1", script=script)
    submitted = await submit(host, {**wanted, "environment": {"ASKED": json.dumps(asked)}}, tunnel="reverse")
    assert (await host.ended(submitted["job_id"]))["state"] == "CANCELED"
    told = await host.status(submitted["job_id"])
    assert (told["state"], "is no host name" in told["error"]) == ("FAILED", True)
    folder = Path.home() / ".radical" / "orbit" / "tunnels"
    await asyncio.to_thread(wait_until, lambda: not list(folder.iterdir()), "nothing is left")
    status = await host.call("GET", "tunnel_status/hpc1")
    assert (status["status"], status["error"]) == ("failed", told["error"])
    assert not mark.exists()
