"""A plugin host whose calls, events and changes a test can wait for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from orbit_jupyter.host import PluginHost
from orbit_jupyter.link import Onward, whole_answer
from orbit_jupyter.plugin import App, AppState
from orbit_jupyter.protocol import Call, Cancel, Event, Fail, PluginInfo, Reply, error_from


class Asked:
    """A call under way, with every answer that it got."""

    def __init__(self) -> None:
        self.answers: list[Reply | Fail] = []
        self.first: asyncio.Future[Reply | Fail] = asyncio.get_running_loop().create_future()
        self.canceller: Onward | None = None

    def on_answer(self, answer: Reply | Fail) -> None:
        self.answers.append(answer)
        if not self.first.done():
            self.first.set_result(answer)

    def cancel(self) -> None:
        assert self.canceller is not None
        self.canceller(Cancel(0, "no longer wanted"))

    async def value(self) -> Any:
        """Return the decoded answer, or raise its error."""
        answer = await self.first
        if isinstance(answer, Fail):
            raise error_from(answer)
        return msgspec.json.decode(answer.body)

    async def fail(self) -> Fail:
        answer = await self.first
        assert isinstance(answer, Fail), answer
        return answer


class Hosted:
    """A plugin host with nothing in it yet."""

    def __init__(self, folder: Path, role: str = "standalone", *, in_child: bool = False) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.changes = 0
        self._changed = asyncio.Condition()
        loop = asyncio.get_running_loop()

        def on_event(event: Event) -> None:
            loop.call_soon_threadsafe(self.events.put_nowait, event)

        self.host = PluginHost(
            App(AppState(endpoint_name="hpc1", role=role, folder=folder)),
            on_event=on_event,
            on_change=self._on_change,
            in_child=in_child,
        )
        self._looks: list[tuple[Callable[[dict[str, PluginInfo]], bool], asyncio.Future[None]]] = []

    def _on_change(self) -> None:
        self.changes += 1
        for fits, seen in self._looks:
            if fits(self.host.infos()) and not seen.done():
                seen.set_result(None)

    async def until(self, fits: Callable[[dict[str, PluginInfo]], bool]) -> None:
        """Wait for a change after which the list of plugins fits."""
        if fits(self.host.infos()):
            return
        seen: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._looks.append((fits, seen))
        await seen

    def begin(self, method: str, path: str, body: Any = None, **more: Any) -> Asked:
        asked = Asked()
        encoded = b"" if body is None else msgspec.json.encode(body)
        asked.canceller = self.host.handle(
            Call(7, "hpc1", method, path, body=encoded, **more), whole_answer(asked.on_answer, lambda _: None)
        )
        return asked

    async def get(self, path: str, **more: Any) -> Any:
        return await self.begin("GET", path, **more).value()


OpenHost = Callable[..., Hosted]


@pytest_asyncio.fixture
async def open_host(tmp_path: Path) -> AsyncIterator[OpenHost]:
    opened: list[Hosted] = []

    def open_one(role: str = "standalone", *, in_child: bool = False) -> Hosted:
        opened.append(Hosted(tmp_path / "state", role, in_child=in_child))
        return opened[-1]

    yield open_one
    await asyncio.gather(*(hosted.host.close() for hosted in opened))


@pytest_asyncio.fixture
async def hosted(open_host: OpenHost) -> Hosted:
    return open_host()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write a module that this process and its children can import."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(":"))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def write(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text)

    return write
