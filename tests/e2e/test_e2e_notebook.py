"""A cell in a real kernel of a real server: the demo, no arguments, and the stop button."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from jupyter_server.auth.security import passwd
from server_kernel import CellError, ServerKernel
from stage import Server, environment, server, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    plugins = "sysinfo,psij,sample_plugin:SamplePlugin"
    arguments = ("--OrbitExtension.local_endpoint=on", f"--OrbitExtension.local_plugins={plugins}")
    with server(tmp_path_factory.mktemp("home"), *arguments) as running:
        yield running


@pytest.fixture
def kernel(lab: Server) -> Iterator[ServerKernel]:
    with ServerKernel(lab.info["url"], lab.info["token"]) as started:
        yield started


def text_of(kernel: ServerKernel, code: str) -> str:
    outputs = kernel.execute(code, timeout=60)
    return "".join(output.get("text") or output["data"]["text/plain"] for output in outputs)


def is_of(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get("HOME") == str(home)
    except psutil.Error:  # it has ended meanwhile
        return False


def test_the_demo_runs_the_notebook_and_leaves_nothing_behind(home: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}
    done = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py"), "--headless"],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for said in ("event: local/psij job_status ACTIVE", "output: ", "last state: COMPLETED"):
        assert said in done.stdout
    left = [process for process in psutil.process_iter() if process.pid not in before and is_of(process, home)]
    assert left == []


def test_the_demo_says_why_it_failed(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py"), "--headless"],
        env=environment(home, JUPYTER_RUNTIME_DIR="/dev/null/nowhere"),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr


def test_a_cell_needs_no_arguments_and_no_token(kernel: ServerKernel) -> None:
    code = """
import orbit_jupyter as orbit
bridge = orbit.connect()
job = bridge["local"].psij.submit_job({"executable": "/bin/sh", "arguments": ["-c", "hostname; sleep 0.2"]})
print(job.wait(60), job.output.strip(), job.states)
print(sorted(bridge["local"].sysinfo.get_metrics())[:3])
"""
    text = text_of(kernel, code)
    assert f"COMPLETED {os.uname().nodename} ['QUEUED', 'ACTIVE', 'COMPLETED']" in text
    assert "['cpu', 'disks', 'gpus']" in text


def test_the_same_calls_work_as_coroutines(kernel: ServerKernel) -> None:
    code = """
import orbit_jupyter as orbit
bridge = await orbit.aio.connect()
psij = await bridge["local"].get_plugin("psij")
job = await psij.submit_job({"executable": "/bin/true"})
print(sorted(job), (await bridge["local"].call("GET", "/sysinfo/version")).keys())
await bridge.close()
"""
    assert "['job_id', 'native_id'] dict_keys(['version'])" in text_of(kernel, code)


def test_the_stop_button_cancels_the_call_at_the_endpoint(lab: Server, kernel: ServerKernel) -> None:
    waiting, cancelled = threading.Event(), threading.Event()
    with lab.client() as client:
        client.register_callback("local", "sample", "waiting", lambda *_: waiting.set())
        client.register_callback("local", "sample", "cancelled", lambda *_: cancelled.set())
        raised: list[CellError] = []

        def run() -> None:
            try:
                kernel.execute(
                    "import orbit_jupyter as orbit; orbit.connect()['local'].call('GET', '/sample/wait')"
                )
            except CellError as error:
                raised.append(error)

        cell = threading.Thread(target=run)
        cell.start()
        assert waiting.wait(40)
        kernel.interrupt()
        assert cancelled.wait(10)
        cell.join(20)
    assert "KeyboardInterrupt" in str(raised[0])
    assert text_of(kernel, "print(1 + 1)") == "2\n"


def test_a_remote_error_shows_the_remote_traceback_under_the_local_one(kernel: ServerKernel) -> None:
    with pytest.raises(CellError) as raised:
        kernel.execute("import orbit_jupyter as orbit; orbit.connect()['local'].call('GET', '/sample/raise')")
    shown = str(raised.value)
    assert "On the endpoint:" in shown
    assert "sample_plugin.py" in shown
    assert "ZeroDivisionError" in shown


def test_a_kernel_of_a_password_protected_server_needs_no_token_either(home: Path) -> None:
    hashed = passwd("secret")  # type: ignore[no-untyped-call]
    arguments = (f"--PasswordIdentityProvider.hashed_password={hashed}", "--OrbitExtension.local_endpoint=on")
    with server(home, *arguments, token="") as lab:
        assert not lab.info["token"]
        # What a kernel of that server has: the server's process id, and its own home.
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "import orbit_jupyter as o; print(o.connect()['local'].call('GET', '/sysinfo/version'))",
            ],
            env=environment(home, JPY_PARENT_PID=str(lab.process.pid)),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "version" in done.stdout


def test_the_servers_log_holds_no_secret(lab: Server, kernel: ServerKernel) -> None:
    secret = "sentinel-93fa"
    code = f"""
import orbit_jupyter as orbit
psij = orbit.connect()["local"].psij
spec = {{"executable": "/bin/echo", "arguments": ["{secret}"], "environment": {{"KEY": "{secret}"}}}}
print(psij.submit_job(spec).wait(60))
"""
    assert "COMPLETED" in text_of(kernel, code)
    log = lab.log.read_text() + (lab.home / ".radical/orbit/logs/local.log").read_text()
    runtime = (lab.home / "runtime" / f"orbit-{lab.process.pid}.json").read_text()
    assert secret not in log
    assert runtime.split('"token": "')[1].split('"')[0] not in log
    wait_until(lambda: "connected to" in log, "the log was read")
