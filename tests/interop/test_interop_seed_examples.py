"""radical.orbit 0.2.0's own example scripts, as its source distribution has them, against this bridge over TLS."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from stage import Server, endpoint, wait_until

pytestmark = [
    pytest.mark.usefixtures("hpc1"),
    pytest.mark.timeout(400),  # the first run fetches that release from PyPI
]

AMOUNT = r"\d+(\.\d)?[BKMGTP]"


class Script:
    """One of that release's scripts, while it runs."""

    def __init__(self, python: Path, path: Path, environment: dict[str, str], *arguments: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(path), *arguments],
            env=environment,
            cwd=environment["HOME"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()

    @property
    def printed(self) -> str:
        """All that it has printed."""
        with self._changed:
            return "".join(self._lines)

    def next_line(self, begin: str) -> str:
        """Wait for a further line that begins so, and return it."""
        with self._changed:
            seen = len(self._lines)
            found = self._changed.wait_for(
                lambda: [line for line in self._lines[seen:] if line.startswith(begin)], 30
            )
        assert found, self.printed
        return found[0]

    def finish(self) -> str:
        """Wait for its end, and return all that it has printed."""
        status = self._process.wait(60)
        self._reader.join(10)
        assert status == 0, self.printed
        return self.printed

    def stop(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._reader.join(10)


@contextlib.contextmanager
def running(python: Path, path: Path, environment: dict[str, str], *arguments: str) -> Iterator[Script]:
    """Run a script until the block ends."""
    script = Script(python, path, environment, *arguments)
    try:
        yield script
    finally:
        script.stop()


def test_its_sysinfo_example_prints_the_metrics(
    seed_python: Path, seed_examples: Path, seed_environment: dict[str, str]
) -> None:
    with running(seed_python, seed_examples / "example_sysinfo.py", seed_environment) as script:
        printed = script.finish()
    uname, memory = os.uname(), psutil.virtual_memory().total / 2**30
    assert "Found 1 Endpoint(s): ['hpc1']" in printed
    assert f" Endpoint: hpc1 | Host: {socket.gethostname()} | OS: {uname.sysname} {uname.release}\n" in printed
    assert re.search(rf"^  Cores: +(\d+|None) physical / {psutil.cpu_count()} logical$", printed, re.M)
    assert re.search(r"^  Load: +[\d.]+% / [\d.]+% / [\d.]+%$", printed, re.M)
    assert re.search(r"^  Usage: +[\d.]+%$", printed, re.M)
    assert re.search(rf"^  /\S* +\S+ +\S.* +{AMOUNT} +{AMOUNT} +[\d.]+%$", printed, re.M), "no file system"
    assert re.search(rf"^  Total: +{memory:.1f}G$", printed, re.M)
    assert re.search(rf"^  Used: +{AMOUNT} \([\d.]+%\)$", printed, re.M)


def test_its_queue_info_example_prints_queues_jobs_and_allocations(
    lab: Server,
    certificate: Path,
    tmp_path: Path,
    seed_python: Path,
    seed_examples: Path,
    seed_environment: dict[str, str],
) -> None:
    own = ("--cert", str(certificate), "--plugins", "rest_plugins:ToldQueueInfoPlugin")
    with endpoint(lab.url, "hpc2", lab.endpoint_token("hpc2"), tmp_path / "hpc2", *own):
        with lab.client(str(certificate)) as ours:
            ours.wait_for_endpoint("hpc2", 30)
        with running(seed_python, seed_examples / "example_queue_info.py", seed_environment) as script:
            printed = script.finish()
    assert "[hpc1] No batch scheduler available" in printed
    assert re.search(r"^  debug +UP +4/4/2 +0 +- +- +0:30$", printed, re.M)
    assert re.search(r"^  batch +UP +4/4/2 +0 +- +- +24:00$", printed, re.M)
    assert "[ Jobs in 'batch' — 2 ]" in printed
    assert re.search(r"^  17 +\S+ +RUNNING +1 +0 +-", printed, re.M)
    assert re.search(r"^  proj_a +\S+ +- +- +-", printed, re.M)


def test_its_psij_example_prints_the_output_and_the_final_state_of_a_job(
    lab: Server,
    certificate: Path,
    seed_python: Path,
    seed_examples: Path,
    seed_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    go, config = tmp_path / "go", tmp_path / "config.json"
    command = f"while ! [ -e {go} ]; do sleep 0.05; done; echo out of the job; echo trouble >&2"
    spec = {"executable": "/bin/sh", "arguments": ["-c", command], "attributes": {"duration": "60"}}
    config.write_text(json.dumps({"endpoint_id_match": "pc1", "job_executor": "local", "job_spec": spec}))
    example = seed_examples / "example_psij.py"
    with (
        lab.client(str(certificate)) as ours,
        running(seed_python, example, seed_environment, "--config", str(config)) as script,
    ):
        job_id = wait_until(
            lambda: re.findall(r"^Monitoring Job (\S+)$", script.printed, re.M), "a job is followed"
        )[0]

        def listens() -> bool:
            # It doesn't wait for its listener to be connected; whoever subscribes sees all jobs.
            ours["hpc1"].psij.submit_job({"executable": "/bin/true"}).wait(20)
            return "[Notification]" in script.printed

        wait_until(listens, "the script hears of jobs")
        # It has just looked and looks again a second later: the job ends in between.
        script.next_line("Status: ACTIVE")
        go.touch()
        printed = script.finish()
    assert "Using endpoint: hpc1\n" in printed
    assert "Submitting Job (Queue: None, Account: None)...\n" in printed
    assert re.search(r"^Status: COMPLETED +\(at [\d:]+\)\n\nJob Finished\.$", printed, re.M)
    (told,) = [line for line in printed.splitlines() if job_id in line and "'COMPLETED'" in line]
    assert told.startswith("[Notification] hpc1/psij job_status: {")
    assert "'exit_code': 0" in told
    assert "'stdout': 'out of the job\\n'" in told
    assert "'stderr': 'trouble\\n'" in told


def test_its_psij_example_needs_no_configuration_where_the_bridge_has_no_plugins(
    seed_python: Path, seed_examples: Path, seed_environment: dict[str, str]
) -> None:
    """It takes the first entry of the endpoints; a bridge with plugins of its own would come first."""
    with running(seed_python, seed_examples / "example_psij.py", seed_environment) as script:
        printed = script.finish()
    assert "Using endpoint: hpc1\n" in printed
    assert re.search(r"^Status: COMPLETED .*\n\nJob Finished\.$", printed, re.M)


def test_its_staging_example_sends_a_file_and_fetches_it(
    seed_python: Path, seed_examples: Path, seed_environment: dict[str, str]
) -> None:
    with running(seed_python, seed_examples / "example_staging.py", seed_environment) as script:
        printed = script.finish()
    assert re.search(r"^Remote /tmp has \d+ entries$", printed, re.M)
    sent = Path(re.findall(r"^Uploaded: (\S+)$", printed, re.M)[0])
    assert sent.read_text() == "Hello from the client!"
    sent.unlink()
    assert re.search(r"^Downloaded: \S+$", printed, re.M)
    assert printed.endswith("Done.\n")
