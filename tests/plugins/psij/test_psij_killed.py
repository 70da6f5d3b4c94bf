"""An endpoint that is killed in the midst of a submit, at one line after the other: the job runs once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import killed_endpoint
import killed_submit
import psutil
import pytest
from stage import Server, endpoint, environment, server, wait_until

SOAK = bool(os.environ.get("ORBIT_SOAK"))
"""Whether to stop at each line; otherwise at about this many of them:"""

STOPS = 40


def lives(folder: Path, executor: str, lines: list[int]) -> list[dict[str, Any]]:
    command = [sys.executable, killed_submit.__file__, str(folder), executor, *map(str, lines)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60 + 20 * len(lines))
    return [json.loads(line) for line in done.stdout.splitlines()]


def none_runs(job_id: str) -> bool:
    """Return whether all tries of a job have ended, those too that have still to look at the claim."""
    return not any(
        job_id in " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    )


def put_slurm(program: Callable[[str, str], Path], folder: Path) -> None:
    """Put a scheduler on PATH that starts what it is given, whatever becomes of who submitted it."""
    program("scontrol", "echo node1")
    program("scancel", "exit 0")
    program("squeue", "exit 1")
    program(
        "sbatch",
        f"""cp "$1" {folder}/job.$$; echo "$1" > {folder}/taking.$$; mv {folder}/taking.$$ {folder}/queue/$$
(SLURM_JOB_ID=$$ setsid /bin/bash {folder}/job.$$; rm {folder}/queue/$$) > /dev/null 2>&1 &
echo Submitted batch job $$""",
    )
    (folder / "queue").mkdir()


@pytest.mark.timeout(3600 if SOAK else 120)
@pytest.mark.parametrize("executor", ["local", "slurm"])
def test_job_runs_once_wherever_its_submit_was_killed(
    executor: str, program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "lives"
    folder.mkdir()
    put_slurm(program, tmp_path)
    (whole,) = lives(folder, executor, [-1])
    lines = whole["first"]["lines"]
    assert lines > 100
    step = 1 if SOAK else lines // (STOPS if executor == "local" else STOPS // 2)
    outcomes = [whole, *lives(folder, executor, list(range(0, lines, step)))]
    for outcome in outcomes:
        line, first, second = outcome["line"], outcome["first"], outcome["second"]
        assert (first is None) == (line != -1), f"killed at {line}"
        job_id = second["answers"][0]["job_id"]
        wait_until(partial(none_runs, job_id), f"all tries of {job_id} have ended")
        assert (folder / str(line) / "ran").read_text() == "run\n", f"killed at {line}"
        assert second["answers"][0] == second["answers"][1], f"killed at {line}"
        assert [job["job_id"] for job in second["jobs"]] == [job_id], f"killed at {line}"
        status = second["status"]
        ended = (status["state"], status["exit_code"], status["stdout"])
        assert ended == ("COMPLETED", 0, "out\n"), f"killed at {line}: {status}"
    assert whole["first"]["answer"] == whole["second"]["answers"][0]


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("bridge"), "--OrbitExtension.local_endpoint=off") as running:
        yield running


# Before the job is handed over, in its midst, and close to the answer: of some 500 lines.
@pytest.mark.parametrize("line", [60, 250, 330, 400])
def test_client_gets_one_job_from_an_endpoint_that_was_killed(line: int, bridge: Server, tmp_path: Path) -> None:
    token, spec, far = bridge.endpoint_token("hpc1"), killed_submit.job(tmp_path), tmp_path / "far"
    far.mkdir()
    command = [sys.executable, killed_endpoint.__file__, str(line)]
    command += ["--name", "hpc1", "--url", bridge.url, "--plugins", "psij"]
    with bridge.client() as client, ThreadPoolExecutor(1) as pool:
        with (far / "killed.log").open("wb") as log:
            killed = subprocess.Popen(
                command, env=environment(far, RADICAL_ORBIT_ENDPOINT_TOKEN=token), stdout=log, stderr=log
            )
        try:
            client.wait_for_endpoint("hpc1", 30, poll=0.1)
            lost = pool.submit(client["hpc1"].psij.submit_job, spec, key="the key")
            assert killed.wait(30) == -signal.SIGKILL
        finally:
            killed.kill()
            killed.wait()
        with endpoint(bridge.url, "hpc1", token, far, "--plugins", "psij"):
            # Its successor's coming is what tells the bridge that there will be no answer; the client asks again.
            first = lost.result(60)
            client.wait_for_endpoint("hpc1", 30, poll=0.1)
            job = client["hpc1"].psij.submit_job(spec, key="the key")
            assert job.id == first.id
            assert (job.wait(30), job.exit_code, job.stdout) == ("COMPLETED", 0, "out\n")
            wait_until(lambda: none_runs(job.id), "all tries have ended")
            assert [one["job_id"] for one in client["hpc1"].psij.list_jobs()["jobs"]] == [job.id]
    assert (tmp_path / "ran").read_text() == "run\n"
