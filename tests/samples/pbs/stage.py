"""For tests: a PBS made of programs, which can be made to fail."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from stage import Server, endpoint

from .records import new, python

PROGRAMS = ("qsub", "qstat", "qdel", "qhold", "qrls", "pbsnodes")


class FakePBS:
    """A server with the queues workq (30 min, the default), batch (24 h) and gpu (for others than you).

    Parameters
    ----------
    folder
        Of its own.
    hosts
        Its nodes; the first is the server's, too.
    cpus
        Of each node.
    """

    def __init__(self, folder: Path, hosts: Sequence[str] = ("pbshost",), cpus: int = 8) -> None:
        self.folder = folder / "server"
        self.bin = folder / "bin"
        self.folder.mkdir(parents=True)
        self.bin.mkdir()
        (self.folder / "state.json").write_text(json.dumps(new(list(hosts), cpus)))
        for name in PROGRAMS:
            program = self.bin / name
            words = shlex.join([*python("programs"), str(self.folder), name])
            program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            program.chmod(0o755)
        self._faults: dict[str, Any] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What to set to use it: its programs come first, also where there is a Slurm."""
        return {
            "PATH": f"{self.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "RADICAL_ORBIT_BATCH": "pbs",
        }

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of its programs."""
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    def submit(self, script: str, *options: str) -> str:
        """Submit a script; return the job's id."""
        answer = self.run("qsub", "-o", os.devnull, "-e", os.devnull, *options, stdin=script)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.strip()

    def record(self, job_id: str) -> dict[str, Any]:
        """Return what the server has of a job."""
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text())["jobs"][job_id]
        return found

    def wait_state(self, job_id: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a job is in one of these states of PBS's; return its record."""
        until = time.monotonic() + seconds
        while (record := self.record(job_id))["job_state"] not in states:
            assert time.monotonic() < until, f"{job_id} is {record['job_state']}: {record.get('comment')}"
            time.sleep(0.05)
        return record

    def down(self, down: bool = True) -> None:
        """Take the server away, or bring it back. Jobs go on."""
        self._fail(down=down)

    def hang(self, *programs: str) -> None:
        """Have these programs, and no others, never answer."""
        self._fail(hang=list(programs))

    def say(self, program: str, text: str) -> None:
        """Have a program print this, whatever it is asked."""
        self._fail(garbage={**self._faults.get("garbage", {}), program: text})

    def without_json(self) -> None:
        """Have qstat refuse ``-F json``, as those of older releases do."""
        self._fail(no_json=True)

    def well(self) -> None:
        """Have it all in order again."""
        self._faults = {}
        self._fail()

    def close(self) -> None:
        """End its jobs."""
        state = json.loads((self.folder / "state.json").read_text())
        for job_id, record in state["jobs"].items():
            if record["job_state"] == "R":
                for pid in (state["hidden"][job_id].get("mom"), record.get("session_id")):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid or 0x7FFFFFFF, signal.SIGKILL)

    def _fail(self, **how: Any) -> None:
        self._faults.update(how)
        written = self.folder / "faults.new"
        written.write_text(json.dumps(self._faults))
        os.replace(written, self.folder / "faults.json")


@contextlib.contextmanager
def fake_pbs(folder: Path, hosts: Sequence[str] = ("pbshost",), cpus: int = 8) -> Iterator[FakePBS]:
    """Yield a PBS in a folder of its own; its jobs end with it."""
    server = FakePBS(folder, hosts, cpus)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def pbs_cluster(folder: Path, bridge: Server, seconds: float) -> Iterator[FakePBS]:
    """Yield a PBS that this process has, too, and an endpoint `cluster` on its login host, there in so many s."""
    with fake_pbs(folder / "pbs") as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environ.items():
            patch.setenv(name, value)
        token = bridge.endpoint_token("cluster")
        with (
            endpoint(bridge.url, "cluster", token, folder / "home", "--plugins", "queue_info,psij"),
            bridge.client() as client,
        ):
            client.wait_for_endpoint("cluster", seconds)
            yield running
