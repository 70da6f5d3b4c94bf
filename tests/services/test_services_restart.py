"""Endpoint, Jupyter server and kernel all die with jobs in flight; what starts anew finds every one of them."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from server_kernel import ServerKernel
from service_end import MARK
from service_folder import ServiceFolder
from slurm_cluster import SlurmCluster
from stage import Server, server
from user_endpoint import UserEndpoints

JOBS = 50
POLL = {"RADICAL_ORBIT_PSIJ_POLL": "1"}

SUBMIT = """
import orbit_jupyter as orbit
hpc = orbit.connect()["{name}"]
ids = {{}}
for number in range({jobs}):
    spec = {{"executable": "/bin/sh", "arguments": ["-c", {script!r}, str(number)],
            "attributes": {{"queue_name": "batch", "duration": 600}}}}
    job = hpc.psij.submit_job(spec, "slurm")
    ids[job.id] = [job.native_id, number]
import json
print(json.dumps(ids))
"""

LISTED = """
import json
import orbit_jupyter as orbit
hpc = orbit.connect()["{name}"]
print(json.dumps({{job["job_id"]: job["native_id"] for job in hpc.psij.list_jobs()["jobs"]}}))
"""

ENDED = """
for job_id in {ids!r}:
    hpc.psij.job(job_id).wait(240)
print(json.dumps({{job["job_id"]: [job["state"], job["exit_code"]] for job in hpc.psij.list_jobs()["jobs"]}}))
"""


@pytest.mark.timeout(400)
def test_jobs_outlive_endpoint_server_and_kernel(
    services: ServiceFolder, slurm: SlurmCluster, user_endpoints: UserEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MARK, str(services.path))
    name, account = "outlived", user_endpoints.account
    account.write(f"{name}/.keep", "")
    home, go_on = account.home / name, account.home / "all-go-on"
    script = f"while [ ! -e {go_on} ]; do sleep 0.5; done; exit $(($0 % 3))"

    with bridge(services) as lab, user_endpoints.run(lab, name, home=home, **POLL) as endpoint:
        port = lab.port
        # Its goodbye finds no server any more.
        with contextlib.suppress(httpx.TransportError), kernel_of(lab) as kernel:
            made = answer(kernel, SUBMIT.format(name=name, jobs=JOBS, script=script))
            endpoint.kill()
            lab.process.send_signal(signal.SIGKILL)  # the kernel ends with its server
            lab.process.wait()
    assert len(made) == JOBS
    account.write(go_on.name, "")  # some end while nobody is there

    with (
        bridge(services, port) as lab,
        user_endpoints.run(lab, name, home=home, **POLL),
        kernel_of(lab) as kernel,
    ):
        listed = answer(kernel, LISTED.format(name=name))
        assert listed == {job_id: native_id for job_id, (native_id, _) in made.items()}
        ended = answer(kernel, ENDED.format(ids=list(made)))
    codes = {job_id: number % 3 for job_id, (_, number) in made.items()}
    assert ended == {job_id: ["FAILED" if code else "COMPLETED", code] for job_id, code in codes.items()}
    native = {native_id for native_id, _ in made.values()}
    known = slurm.run("sacct", "-nPX", "-u", slurm.user, "-j", ",".join(native), "--format=JobID").split()
    assert set(known) == native


@contextlib.contextmanager
def bridge(services: ServiceFolder, port: int = 0) -> Iterator[Server]:
    """Run a Jupyter server whose home outlives it."""
    options = ("--OrbitExtension.local_endpoint=off", "--OrbitExtension.lost_after=5")
    with server(services.root_home / "outlived", *options, port=port) as running:
        yield running


def kernel_of(lab: Server) -> ServerKernel:
    """Return a kernel of a server."""
    return ServerKernel(lab.info["url"], lab.info["token"])


def answer(kernel: ServerKernel, code: str) -> Any:
    """Run a cell and return the JSON that it prints last."""
    outputs = kernel.execute(code, timeout=300)
    return json.loads("".join(output.get("text", "") for output in outputs).strip().splitlines()[-1])
