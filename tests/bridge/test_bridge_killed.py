"""Bridges that are killed in the middle of a burst, and endpoints that end with and without a goodbye."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

from bridge_stage import Bridge, EventStream, Peer
from stage import Server, endpoint, server, wait_until

from orbit_jupyter.bridge.hub import Hub
from orbit_jupyter.protocol import Bye, OrbitError

COUNT = 20_000

Dial = Callable[..., Awaitable[Peer]]


def stream(url: str, last: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ids and messages of server-sent events until the connection is lost."""
    headers = {"Authorization": "token the-token", **({"Last-Event-ID": last} if last else {})}
    id = ""
    with urllib.request.urlopen(urllib.request.Request(f"{url}/events", headers=headers), timeout=60) as lines:
        for line in lines:
            if line.startswith(b"id: "):
                id = line[4:].decode().strip()
            elif line.startswith(b"data: "):
                yield id, json.loads(line[6:])


class Listener:
    """Reads events for as long as there is a bridge, and goes on with the next where it stood."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.numbers: list[int] = []
        self.gaps: list[Any] = []
        self.stands, self.all = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        last: str | None = None
        while not self.all.wait(0.05):
            try:
                for id, message in stream(self.url, last):
                    last = id
                    self.stands.set()
                    self._take(message)
                    if self.all.is_set():
                        return
            except (OSError, ValueError):  # a killed server may end in the middle of a line
                continue

    def _take(self, message: dict[str, Any]) -> None:
        if message["topic"] == "gap":
            self.gaps.append(message["data"])
        elif message["topic"] == "notification" and message["data"]["topic"] == "gap":
            self.gaps.append(message["data"]["data"])
        elif message["topic"] == "notification":
            self.numbers.append(message["data"]["data"]["number"])
            if len(self.numbers) == COUNT:
                self.all.set()


def test_a_killed_bridge_comes_back_and_every_event_reaches_every_reader_once(tmp_path: Path) -> None:
    home, options = tmp_path / "lab", "--OrbitExtension.local_endpoint=off"
    numbers: list[int] = []
    gaps: list[Any] = []

    def on_event(_endpoint: str, _plugin: str, topic: str, data: dict[str, Any]) -> None:
        if topic == "counted":
            numbers.append(data["number"])
        else:
            gaps.append(data)

    with server(home, options) as first:
        url, port = first.url, first.port
        with (
            endpoint(url, "hpc1", first.endpoint_token("hpc1"), home, "--plugins", "sample_plugin:SamplePlugin"),
            first.client() as client,
        ):
            client.wait_for_endpoint("hpc1", 30)
            client.register_callback(callback=on_event)
            listener = Listener(url)
            assert listener.stands.wait(20)
            burst = threading.Thread(target=_burst, args=(client,))
            burst.start()
            wait_until(lambda: len(listener.numbers) > COUNT // 20, "some events have come")
            first.stop(SIGKILL)
            came = len(listener.numbers), len(numbers)
            assert max(came) < COUNT, "it was killed too late to show anything"
            with server(home, options, port=port) as second:
                listener.all.wait(45)
                assert missing(listener.numbers) == []
                wait_until(lambda: len(numbers) >= COUNT, "all came to the client", 45)
                assert _leases(second) == ["events"]
    burst.join(30)
    assert listener.numbers == list(range(COUNT))
    assert numbers == list(range(COUNT))
    assert (listener.gaps, gaps) == ([], [])


def _burst(client: Any) -> None:
    with contextlib.suppress(OrbitError):  # the bridge is killed meanwhile; the endpoint goes on
        client["hpc1"].call("POST", "/sample/notify", {"count": COUNT})


def missing(numbers: list[int]) -> list[tuple[int, int]]:
    """Return between which numbers some are missing, or come again."""
    return [(one, next) for one, next in itertools.pairwise([-1, *numbers, COUNT]) if next != one + 1]


def _leases(running: Server) -> list[str]:
    return sorted(path.name for path in (running.home / ".radical" / "orbit").glob("events*"))


def _is(hub: Hub, boot: str | None) -> bool:
    entry = hub.registry.get("hpc1")
    return (entry.hello.boot_id if entry is not None else None) == boot


async def test_an_endpoint_that_died_without_a_goodbye_leaves_a_gap_behind(
    bridge: Bridge, dial_peer: Dial
) -> None:
    hub = bridge.extension.hub
    async with EventStream(bridge, "?topic=gap") as events:
        for boot in ("says goodbye", "dies", "comes after it"):
            peer = await dial_peer("hpc1", resume_key="mine", boot_id=boot)
            peer.serve()
            await bridge.until(partial(_is, hub, boot))
            if boot == "says goodbye":
                assert peer.link is not None
                await peer.link.close(Bye("done", retry=False))
                await bridge.until(partial(_is, hub, None))
            else:
                await peer.close()
        gap = await events.next_notification()
        assert (gap["endpoint"], gap["plugin"], gap["topic"]) == ("hpc1", "", "gap")
        assert gap["data"]["missed"] is None
        assert "without a goodbye" in gap["data"]["reason"]
    assert [one.event.topic for one in hub.events.entries] == ["gap"]
