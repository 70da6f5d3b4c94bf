"""The plugin as an endpoint has it, with real PSI/J behind it, and a client in the same process."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
import pytest_asyncio
from called import through
from psij_life import Life, Queue
from scripted_batch import ScriptedBatch

from orbit_jupyter.plugin import DEFAULT_TIMEOUT, App, AppState, Callback, Request
from orbit_jupyter.protocol import Call
from orbit_plugins.psij import PSIJClient, PSIJPlugin

T = TypeVar("T")
FINAL = {"COMPLETED", "FAILED", "CANCELED"}
BRIDGE = "http://bridge.example:8888/orbit"


class Host:
    """Calls handlers as an endpoint's host does, and keeps what the plugin notifies."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.events: list[dict[str, Any]] = []
        self.output: list[dict[str, Any]] = []
        self.listeners: list[Callable[[str, dict[str, Any]], None]] = []
        self._changed = threading.Condition()
        self.app = App(AppState(endpoint_name="ep", bridge_url=BRIDGE, folder=folder, notify=self._notify))
        self.plugin = PSIJPlugin(self.app)
        self.sid = ""

    def _notify(self, plugin: str, topic: str, data: dict[str, Any], session: str, owner: str) -> None:
        with self._changed:
            self.told.append((plugin, topic, session))
            (self.events if topic == "job_status" else self.output).append(data)
            self._changed.notify_all()
        for listener in list(self.listeners):
            listener(topic, data)

    async def call(self, method: str, path: str, body: Any = None, query: str = "", key: str = "") -> Any:
        """Call a route below the plugin's name and return its answer, as JSON has it."""
        encoded = b"" if body is None else msgspec.json.encode(body)
        call = Call(1, "ep", method, f"/psij/{path}", query=query, body=encoded, key=key)
        given = path.split("/")
        for route in self.plugin.routes:
            wanted = route.path.split("/")
            if route.method == method and wanted[0] == given[0] and len(wanted) == len(given):
                params = {w[1:-1]: g for w, g in zip(wanted, given, strict=True) if w.startswith("{")}
                raw = await through(self.plugin, method, route.path, Request(call, params, self.app))
                answer = msgspec.json.decode(msgspec.json.encode(raw))
                assert route.about is not None
                # Whatever is taken, and whatever is answered, is as the route describes it.
                if route.about.body is not None:
                    msgspec.convert(body, route.about.body)
                assert msgspec.to_builtins(msgspec.convert(answer, route.about.answer)) == answer
                return answer
        raise AssertionError(f"no route {method} {path}")

    async def new_session(self) -> str:
        return str((await self.call("POST", "register_session"))["sid"])

    async def submit(self, spec: dict[str, Any], executor: str = "local", key: str = "") -> str:
        """Submit a job and return its id."""
        body = {"job_spec": spec, "executor": executor}
        return str((await self.call("POST", f"submit/{self.sid}", body, key=key))["job_id"])

    async def shell(self, script: str, **more: Any) -> str:
        """Submit a shell script and return the job's id."""
        return await self.submit({"executable": "/bin/sh", "arguments": ["-c", script], **more})

    async def status(self, job_id: str, out: int = 0, err: int = 0) -> dict[str, Any]:
        query = f"stdout_offset={out}&stderr_offset={err}"
        answer: dict[str, Any] = await self.call("GET", f"status/{self.sid}/{job_id}", query=query)
        return answer

    async def cancel(self, job_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.call("POST", f"cancel/{self.sid}/{job_id}")
        return answer

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """Return the events of a job so far."""
        with self._changed:
            return [event for event in self.events if event["job_id"] == job_id]

    def wait_ended(self, job_id: str) -> dict[str, Any]:
        """Return the event of a job's end, once it has come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._end_of(job_id) is not None, 30), self.of(job_id)
            end = self._end_of(job_id)
        assert end is not None
        return end

    async def ended(self, job_id: str) -> dict[str, Any]:
        return await asyncio.to_thread(self.wait_ended, job_id)

    def wait_output(self, job_id: str, text: str) -> list[dict[str, Any]]:
        """Return the events of a job's output, once they have brought this text."""
        with self._changed:
            assert self._changed.wait_for(lambda: text in self._written(job_id), 30), self.output
            return [event for event in self.output if event["job_id"] == job_id]

    def _written(self, job_id: str) -> str:
        return "".join(event["text"] for event in self.output if event["job_id"] == job_id)

    def _end_of(self, job_id: str) -> dict[str, Any] | None:
        return next((e for e in self.events if e["job_id"] == job_id and e["state"] in FINAL), None)


class InProcess:
    """An endpoint, and a bridge's client, without any link between: calls go to the host's handlers."""

    bridge: Any
    """Set by tests that need one behind the endpoint."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.endpoint_id = "ep"
        self.calls: list[tuple[str, str]] = []
        self.keys: list[str] = []
        self.callbacks: list[tuple[str, Callback]] = []
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="in-process endpoint")
        self._thread.start()
        host.listeners.append(self._pass_on)

    @property
    def aio(self) -> InProcess:
        return self

    @property
    def http(self) -> httpx.Client:
        raise AssertionError("not used here")

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        params: dict[str, Any] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        key: str = "",
    ) -> Any:
        self.calls.append((method, path.split("/")[2]))
        self.keys.append(key)
        return await self.host.call(method, path.removeprefix("/psij/"), json, urlencode(params or {}), key)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def register_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        assert (endpoint_id, plugin_name) == ("ep", "psij")
        assert topic is not None
        assert callback is not None
        self.callbacks.append((topic, callback))

    def unregister_callback(
        self,
        endpoint_id: str | None = None,
        plugin_name: str | None = None,
        topic: str | None = None,
        callback: Callback | None = None,
    ) -> None:
        assert topic is not None
        assert callback is not None
        self.callbacks.remove((topic, callback))

    def _pass_on(self, topic: str, data: dict[str, Any]) -> None:
        for wanted, callback in list(self.callbacks):
            if wanted == topic:
                callback("ep", "psij", topic, data)

    def close(self) -> None:
        self.wait(self.host.plugin.close())
        self.wait(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    host.sid = await host.new_session()
    yield host
    await host.plugin.close()


@pytest_asyncio.fixture
async def keeping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """A host whose user has said that files are to be kept."""
    monkeypatch.setenv("RADICAL_ORBIT_PSIJ_KEEP_FILES", "Yes")
    host = Host(tmp_path)
    host.sid = await host.new_session()
    yield host
    await host.plugin.close()


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[InProcess]:
    endpoint = InProcess(Host(tmp_path))
    yield endpoint
    endpoint.close()


@pytest.fixture
def client(endpoint: InProcess) -> Iterator[PSIJClient]:
    client = PSIJClient(endpoint, "/ep/psij", endpoint)
    client.register_session()
    yield client
    client.close()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A pipe with a name, on which a test and a job wait for each other."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put a program on PATH, of a name and a shell script; where a scheduler can't be had, this is what it has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, script: str = "exit 0") -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


class Scheduler:
    """Programs with Slurm's names: what is submitted is kept, and what they say can be changed."""

    def __init__(self, put: Callable[[str, str], Path], folder: Path) -> None:
        self._put, self._submitted = put, folder / "submitted"
        self.accepts()
        for name in ("sinfo", "scontrol", "sacct", "sacctmgr", "sshare"):
            put(name, "exit 1")
        put("squeue", "echo JOBID ST REASON; echo 4711 PD None")
        put("scancel", "exit 0")

    def accepts(self) -> None:
        """Take every job."""
        self._put("sbatch", f'cp "$1" {self._submitted}; echo Submitted batch job 4711')

    def refuses(self, text: str, program: str = "sbatch") -> None:
        """Have a program fail with this text."""
        self._put(program, f"cat >&2 <<'END'\n{text}\nEND\nexit 1")

    @property
    def script(self) -> str:
        """The last job script that it took."""
        return self._submitted.read_text()


@pytest.fixture
def slurm(program: Callable[[str, str], Path], tmp_path: Path) -> Scheduler:
    return Scheduler(program, tmp_path)


@pytest.fixture
def batch() -> ScriptedBatch:
    return ScriptedBatch()


@pytest.fixture
def life(tmp_path: Path, batch: ScriptedBatch) -> Iterator[Callable[[], Life]]:
    """Begin the endpoint's next life; the one before it ends then."""
    lives: list[Life] = []

    def begin() -> Life:
        for one in lives:
            one.die()
        lives.append(Life(tmp_path / "psij", batch))
        return lives[-1]

    yield begin
    for one in lives:
        one.die()


@pytest.fixture
def queue(program: Callable[[str, str], Path], tmp_path: Path, batch: ScriptedBatch) -> Queue:
    return Queue(program, tmp_path, batch)
