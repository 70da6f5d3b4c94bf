"""Launching an endpoint, as far as the plugin goes: what the scheduler gets, and where the token lies."""

from __future__ import annotations

import asyncio
import shlex
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from stage import wait_until

from orbit_jupyter.plugin import ConflictError, InvalidFieldError, PluginError
from orbit_plugins.psij import PSIJClient
from orbit_plugins.psij.endpoints import WRAPPER
from orbit_plugins.psij.endpoints import Host as About

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, InProcess, Scheduler

TOKEN = "orbit_0123456789ab_s3cret"
BRIDGE = "http://bridge.example:8888/orbit"


async def launch(host: Host, key: str = "", **more: Any) -> dict[str, Any]:
    body = {"name": "hpc2", "token": TOKEN, "executor": "slurm", **more}
    answer: dict[str, Any] = await host.call("POST", f"launch/{host.sid}", body, key=key)
    return answer


def token_file(home: Path, name: str = "hpc2") -> Path:
    return home / ".radical" / "orbit" / "endpoints" / f"{name}.token"


def command(slurm: Scheduler) -> list[str]:
    """Return the endpoint's command line in the job script."""
    (line,) = (line for line in slurm.script.splitlines() if WRAPPER.name in line)
    words = shlex.split(line)
    return words[words.index(str(WRAPPER)) :]


@pytest.mark.asyncio
async def test_job_is_an_endpoint_of_that_name_and_the_same_bridge(
    host: Host, slurm: Scheduler, home: Path
) -> None:
    answer = await launch(host, queue_name="debug", account="a", duration="1:00:00", node_count=2)
    assert set(answer) == {"job_id", "native_id", "endpoint_name"}
    assert (answer["native_id"], answer["endpoint_name"]) == ("4711", "hpc2")
    assert command(slurm) == [
        *(str(WRAPPER), "--name", "hpc2", "--url", BRIDGE),
        *("--plugins", "default", "--token-file", str(token_file(home))),
    ]
    assert f"export RADICAL_ORBIT_PYTHON={sys.executable}" in slurm.script.splitlines()
    for option in ('job-name="orbit-hpc2"', 'partition="debug"', 'account="a"', "time=1:0:0", "nodes=2"):
        assert f"#SBATCH --{option}" in slurm.script.splitlines()
    status = await host.status(answer["job_id"])
    assert (status["name"], status["endpoint_name"]) == ("orbit-hpc2", "hpc2")


@pytest.mark.asyncio
async def test_token_is_in_its_file_and_nowhere_else(host: Host, slurm: Scheduler, home: Path) -> None:
    answer = await launch(host)
    path = token_file(home)
    assert path.read_text() == f"{TOKEN}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["hpc2.token"]
    assert "s3cret" not in slurm.script
    assert "s3cret" not in str(await host.status(answer["job_id"]))
    # The launching endpoint's own token, which the job would inherit, is blotted out.
    assert "export RADICAL_ORBIT_ENDPOINT_TOKEN=''" in slurm.script.splitlines()


@pytest.mark.asyncio
async def test_options_reach_job_and_endpoint(
    host: Host, slurm: Scheduler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_CERT", "bridge.pem")
    await launch(
        host,
        plugins="psij,sysinfo",
        bridge_url="https://other:9/orbit",
        custom_attributes={"slurm.constraint": "V100"},
    )
    words = command(slurm)
    assert words[words.index("--plugins") + 1] == "psij,sysinfo"
    assert words[words.index("--url") + 1] == "https://other:9/orbit"
    assert words[words.index("--cert") + 1] == str(tmp_path / "bridge.pem")
    assert '#SBATCH --constraint="V100"' in slurm.script.splitlines()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "ep"}, "name"),
        ({"name": "bridge"}, "name"),
        ({"name": "two words"}, "name"),
        ({"name": "../../x"}, "name"),
        ({"name": 3}, "name"),
        ({"token": ""}, "token"),
        ({"token": "two words"}, "token"),
        ({"duration": "soon"}, "duration"),
        ({"node_count": 0}, "node_count"),
        ({"queue_name": 3}, "queue_name"),
        ({"custom_attributes": {"slurm.x": []}}, "custom_attributes[...]"),
        ({"bridge_url": "bridge.example"}, "bridge_url"),
        ({"bridge_url": "http://["}, "bridge_url"),
        ({"bridge_url": "https://orbit:s3cret@host/orbit"}, "bridge_url"),
        ({"executor": "condor"}, "executor"),
        ({"tunnel_via": "-oProxyCommand=x", "tunnel": "forward"}, "tunnel_via"),
    ],
)
async def test_wrong_field_is_422_by_its_name_and_leaves_no_token(
    host: Host, slurm: Scheduler, home: Path, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        await launch(host, **wrong)
    assert (refused.value.status, refused.value.field) == (422, field)
    assert "s3cret" not in str(refused.value)
    assert not token_file(home).exists()


@pytest.mark.asyncio
async def test_refused_launch_leaves_no_token(host: Host, slurm: Scheduler, home: Path) -> None:
    slurm.refuses("sbatch: error: invalid partition specified: nosuch")
    with pytest.raises(InvalidFieldError, match=r"^queue_name: slurm refused the job") as refused:
        await launch(host, queue_name="nosuch")
    assert refused.value.field == "queue_name"
    assert list(token_file(home).parent.iterdir()) == []
    slurm.refuses("sbatch: error: Unable to contact slurm controller")
    with pytest.raises(PluginError):
        await launch(host)
    assert list(token_file(home).parent.iterdir()) == []


@pytest.mark.asyncio
async def test_name_of_a_live_endpoint_is_409_and_its_token_stays(
    host: Host, slurm: Scheduler, home: Path
) -> None:
    first = await launch(host, key="k")
    assert await launch(host, key="k") == first
    with pytest.raises(ConflictError, match="is endpoint hpc2 already"):
        await launch(host, token="another")
    assert token_file(home).read_text() == f"{TOKEN}\n"


@pytest.mark.parametrize(
    ("executor", "dialled", "told", "url"),
    [
        ("local", "http://localhost:9/orbit", "https://told:1/orbit", "http://localhost:9/orbit"),
        ("slurm", "http://localhost:9/orbit", "https://told:1/orbit", "https://told:1/orbit"),
        ("slurm", "http://127.0.0.1:9/orbit", "", "http://127.0.0.1:9/orbit"),
        ("slurm", "https://login:9/orbit", "https://told:1/orbit", "https://login:9/orbit"),
        ("slurm", "", "https://told:1/orbit", "https://told:1/orbit"),
        ("local", "", "https://told:1/orbit", "https://told:1/orbit"),
    ],
)
def test_bridge_is_dialled_where_the_job_can_reach_it(executor: str, dialled: str, told: str, url: str) -> None:
    assert About("ep", dialled, told).bridge_url(executor) == url


class Bridge:
    """A bridge that makes and takes back tokens."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []

    async def call(self, endpoint: str, method: str, path: str, json: Any = None) -> Any:
        assert endpoint == ""
        self.calls.append((method, path, json))
        return {"id": "t1", "token": TOKEN, "name": "hpc2"}


@pytest.fixture
def bridge(endpoint: InProcess) -> Bridge:
    bridge = endpoint.bridge = Bridge()
    return bridge


def test_client_makes_the_token_and_returns_the_job(
    client: PSIJClient, bridge: Bridge, slurm: Scheduler, home: Path
) -> None:
    job = client.launch_job("hpc2", executor="slurm", duration=600, plugins="sysinfo")
    assert dict(job) == {"job_id": job.id, "native_id": "4711", "endpoint_name": "hpc2"}
    assert repr(job).endswith("'orbit-hpc2': orbit-endpoint --name hpc2>")
    wanted = {"name": "hpc2", "expires": "30d", "parent": "ep", "life": "87000s"}  # a day more than the job
    assert bridge.calls == [("POST", "/tokens", wanted)]
    assert token_file(home).read_text() == f"{TOKEN}\n"


def test_client_takes_the_token_of_a_refused_launch_back(
    client: PSIJClient, bridge: Bridge, slurm: Scheduler
) -> None:
    slurm.refuses("sbatch: error: no")
    with pytest.raises(InvalidFieldError):
        client.launch_job("hpc2", executor="slurm")
    assert bridge.calls[1:] == [("DELETE", "/tokens/t1", None)]


def test_client_leaves_the_token_where_the_outcome_is_open(
    client: PSIJClient, bridge: Bridge, slurm: Scheduler
) -> None:
    slurm.refuses("sbatch: error: Unable to contact slurm controller")
    with pytest.raises(PluginError):
        client.launch_job("hpc2", executor="slurm")
    assert len(bridge.calls) == 1


def test_launch_that_is_cancelled_while_it_is_submitted_leaves_no_job(
    client: PSIJClient,
    bridge: Bridge,
    endpoint: InProcess,
    slurm: Scheduler,
    program: Callable[[str, str], Path],
    fifo: Path,
    tmp_path: Path,
) -> None:
    program("sbatch", f"echo > {fifo}; read go_on < {fifo}; echo Submitted batch job 4711")
    program("scancel", f'echo "$@" >> {tmp_path}/cancelled')

    async def cancelled() -> bool:
        launching = asyncio.ensure_future(client.aio.launch_job("hpc2", executor="slurm", duration=600))
        await asyncio.to_thread(fifo.read_text)  # sbatch runs
        launching.cancel()
        await asyncio.sleep(0)
        await asyncio.to_thread(fifo.write_text, "go on\n")
        await asyncio.wait([launching])
        return launching.cancelled()

    assert endpoint.wait(cancelled())
    assert [route for _, route in endpoint.calls][-2:] == ["launch", "cancel"]
    wait_until(lambda: "4711" in (tmp_path / "cancelled").read_text(), "Slurm was told")


def test_client_without_a_bridge_says_so(client: PSIJClient) -> None:
    with pytest.raises(RuntimeError, match="without a bridge client"):
        client.launch_job("hpc2")
