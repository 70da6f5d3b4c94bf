"""A mixed load on an endpoint, which notes how each call ended; as a program, a client that can be killed.

``chaos_load.py URL TOKEN ENDPOINT FOLDER NAME``: until its standard input is closed; prints its findings as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaos_plugin import pattern

from orbit_jupyter.client import aio
from orbit_jupyter.client.exchange import TWO_WAY
from orbit_jupyter.protocol import Call, Event, Fail, OrbitError, Reply

Ended = Reply | Fail | Any


class Numbers:
    """Judges the numbers of events, as one reader got them: each once, in order, or a gap was said."""

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.wrong: list[str] = []
        self.last: dict[str, int] = {}
        self.gaps = 0
        self._gap = False

    def gap(self) -> None:
        """Note that events are missing before the next."""
        self.gaps += 1
        self._gap = True

    def take(self, life: str, number: int) -> None:
        """Note an event."""
        last = self.last.get(life)
        if last is not None and number <= last:
            self.wrong.append(f"{self.reader}: {number} of {life} came after {last}")
        elif last is not None and number > last + 1 and not self._gap:
            self.wrong.append(f"{self.reader}: {last + 1} to {number - 1} of {life} are missing without a word")
        self.last[life] = number
        self._gap = False


class _Gaps(logging.Handler):
    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers

    def emit(self, record: logging.LogRecord) -> None:
        if "were missed" in record.msg:
            self._numbers.gap()


class Load:
    """Calls, streams, submits and events, all at once, until it is told to stop.

    Attributes
    ----------
    answered
        Words of small calls that were answered: those ran.
    keys
        Keys of submits that were answered: their jobs run once.
    """

    def __init__(self, url: str, token: str, name: str, folder: Path, who: str, *, seed: int = 0) -> None:
        self._url, self._token, self._name, self._folder, self._who = url, token, name, folder, who
        self._dice = random.Random(f"{seed} {who}")
        self._stopping = asyncio.Event()
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.answered: list[str] = []
        self.keys: list[str] = []
        self.native, self.stream = Numbers("native"), Numbers("SSE")

    async def run(self) -> None:
        """Load, until `stop`; all that was begun has ended when this returns."""
        gaps = _Gaps(self.native)
        logging.getLogger("orbit.client").addHandler(gaps)
        reading = asyncio.ensure_future(self._read_stream())
        client = aio.AsyncBridgeClient(self._url, None, self._token)
        client.on_event = self._on_event
        try:
            await self._opened(client)
            client.subscribe()
            await asyncio.gather(
                *(self._again(f"small{n}", lambda: self._small(client), 0.02) for n in range(3)),
                self._again("raw", lambda: self._raw(client), 0.02),
                self._again("block", lambda: self._block(client), 0.1),
                self._again("up", lambda: self._up(client), 0.1),
                self._again("down", lambda: self._down(client), 0.1),
                self._again("turn", lambda: self._turn(client), 0.1),
                self._again("submit", lambda: self._submit(client), 0.2),
            )
            await self._all_events(client)
        finally:
            await client.close()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            logging.getLogger("orbit.client").removeHandler(gaps)
        self.wrong += self.native.wrong + self.stream.wrong

    async def _opened(self, client: aio.AsyncBridgeClient) -> None:
        while True:
            try:
                return await client.open()
            except OrbitError as error:
                if not error.transient:
                    raise
                await asyncio.sleep(0.2)

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    def findings(self) -> dict[str, Any]:
        """Return what a test wants to know."""
        return {"wrong": self.wrong, "answered": self.answered, "keys": self.keys, "ends": dict(self.ends)}

    async def _again(self, kind: str, make: Callable[[], Awaitable[None]], pause: float) -> None:
        while not self._stopping.is_set():
            try:
                # What isn't there 60 s after the last fault never comes.
                await asyncio.wait_for(make(), 90)
                self.ends[f"{kind.rstrip('012')}: answered"] += 1
            except OrbitError as error:
                self.ends[f"{kind.rstrip('012')}: {error.code}"] += 1
                if error.status not in (404, 503, 504):
                    self.wrong.append(f"{kind} failed with {error.code}: {error}")
            except asyncio.TimeoutError:
                self.wrong.append(f"{kind} has no end")
            except AssertionError as error:
                self.wrong.append(f"{kind}: {error}")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause * self._dice.random() * 2)

    def _word(self) -> str:
        return f"{self._who}-{self._dice.getrandbits(64):x}"

    async def _small(self, client: aio.AsyncBridgeClient) -> None:
        word = self._word()
        answer = await client.call(self._name, "POST", f"/chaos/small/{word}", {"n": word}, timeout=60)
        assert answer == {"word": word, "body": {"n": word}}, f"{word} got the answer {answer}"
        self.answered.append(word)

    async def _raw(self, client: aio.AsyncBridgeClient) -> None:
        """Count how often the link ends a call."""
        link = client._link
        if link is None:
            return
        word, ended = self._word(), asyncio.Event()
        ends: list[Ended] = []

        def on_answer(frame: Ended) -> None:
            ends.append(frame)
            ended.set()

        link.call(Call(0, self._name, "POST", f"/chaos/small/{word}", time_left=60), on_answer)
        await ended.wait()
        await asyncio.sleep(0.05)
        assert len(ends) == 1, f"one call was ended by {ends}"
        if isinstance(ends[0], Reply):
            assert json.loads(ends[0].body)["word"] == word
            self.answered.append(word)

    async def _block(self, client: aio.AsyncBridgeClient) -> None:
        assert await client.call(self._name, "POST", "/chaos/block/3", timeout=60) == {"blocked": True}

    async def _up(self, client: aio.AsyncBridgeClient) -> None:
        body = pattern(self._dice.randrange(1000), self._dice.randrange(4 * 2**20))
        async with client[self._name].exchange("PUT", "/chaos/sink", body=iter([body]), timeout=60) as exchange:
            answer = await exchange.json()
        assert answer == {"size": len(body), "sha256": hashlib.sha256(body).hexdigest()}, "a body was damaged"

    async def _down(self, client: aio.AsyncBridgeClient) -> None:
        seed, size = self._dice.randrange(1000), self._dice.randrange(4 * 2**20)
        async with client[self._name].exchange("GET", f"/chaos/source/{seed}/{size}", timeout=60) as exchange:
            body = await exchange.read()
        assert body == pattern(seed, size), f"{len(body)} bytes came of {size}"

    async def _turn(self, client: aio.AsyncBridgeClient) -> None:
        body = pattern(self._dice.randrange(1000), self._dice.randrange(2 * 2**20))
        async with client[self._name].exchange("POST", "/chaos/turn", body=TWO_WAY, timeout=60) as exchange:

            async def write() -> None:
                await exchange.write(body)
                await exchange.end()

            writing = asyncio.ensure_future(write())
            try:
                back = await exchange.read()
                await writing
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        assert back == body, f"{len(back)} bytes came back of {len(body)}"

    async def _submit(self, client: aio.AsyncBridgeClient) -> None:
        """Submit a job, and again with the same key until there is an answer; then once more."""
        key = self._word()
        spec = {"executable": "/bin/sh", "arguments": ["-c", f"echo {key} >> {self._folder}/jobs"]}
        first = await self._insist(client, spec, key)
        second = await self._insist(client, spec, key)
        assert first["job_id"] == second["job_id"], f"{key} was submitted as {first} and {second}"
        self.keys.append(key)

    async def _insist(self, client: aio.AsyncBridgeClient, spec: dict[str, Any], key: str) -> dict[str, Any]:
        while True:
            try:
                psij: Any = await client[self._name].get_plugin("psij")
                try:
                    answer: dict[str, Any] = await psij.submit_job(spec, key=key)
                    return answer
                finally:
                    await psij.close()
            except OrbitError as error:
                if not error.transient and error.status not in (404, 503, 504):
                    raise
                await asyncio.sleep(0.2)

    # -- events ------------------------------------------------------------------------------------------------

    def _on_event(self, endpoint: str, event: Event) -> None:
        if event.topic == "gap":
            self.native.gap()
        elif (event.plugin, event.topic) == ("chaos", "tick"):
            data = json.loads(event.data)
            self.native.take(data["life"], data["number"])

    async def _read_stream(self) -> None:
        """Read ``/events`` and come back with ``Last-Event-ID`` whenever it breaks."""
        seen = ""
        while True:
            with contextlib.suppress(OSError):
                async for line in self._lines(seen):
                    if line.startswith("id: "):
                        seen = line[4:]
                    elif line.startswith("data: "):
                        self._on_message(json.loads(line[6:]))
            await asyncio.sleep(0.1)

    async def _lines(self, seen: str) -> Any:
        url = urlsplit(f"{self._url}/events")
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            asked = {"Host": url.netloc, "Authorization": f"token {self._token}", "Last-Event-ID": seen}
            head = "".join(f"{name}: {value}\r\n" for name, value in asked.items() if value)
            writer.write(f"GET {url.path} HTTP/1.0\r\n{head}\r\n".encode())
            while True:
                line = await reader.readline()
                if not line.endswith(b"\n"):  # the end, within a line where the bridge was killed
                    return
                yield line.decode().rstrip("\r\n")
        finally:
            writer.transport.abort()

    def _on_message(self, message: dict[str, Any]) -> None:
        data = message["data"]
        if message["topic"] == "gap" or data.get("topic") == "gap":
            self.stream.gap()
        elif message["topic"] == "notification" and (data["plugin"], data["topic"]) == ("chaos", "tick"):
            self.stream.take(data["data"]["life"], data["data"]["number"])

    async def _all_events(self, client: aio.AsyncBridgeClient) -> None:
        """Wait until both readers have the event that the endpoint has sent last."""
        last = await client.call(self._name, "POST", "/chaos/burst/1", timeout=60)

        def there(numbers: Numbers) -> bool:
            return bool(numbers.last.get(last["life"], 0) >= last["last"])

        for numbers in (self.native, self.stream):
            for _ in range(400):
                if there(numbers):
                    break
                await asyncio.sleep(0.05)
            else:
                self.wrong.append(f"{numbers.reader}: event {last['last']} of {last['life']} never came")


async def until_input_ends(load: Load) -> None:
    """Stop when standard input is closed."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    transport.close()
    load.stop()


def show_tasks() -> None:
    """Print where each task of this process waits."""
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)
    sys.stderr.flush()


async def both(*work: Coroutine[Any, Any, None]) -> None:
    """Run both; on SIGUSR2 say where they are."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, show_tasks)
    await asyncio.gather(*work)


def main() -> None:
    """Do what the module says."""
    url, token, name, folder, who = sys.argv[1:]
    load = Load(url, token, name, Path(folder), who)
    asyncio.run(both(load.run(), until_input_ends(load)))
    print(json.dumps(load.findings()))


if __name__ == "__main__":
    main()
