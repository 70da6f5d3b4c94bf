"""Who did what through the bridge: one line for each call that may change something, and for each refusal.

The schema is in ``schema.yaml``. Lines go to the bridge's own file, and to whoever listens to Jupyter's events.
The file is not fed from those events: everybody who may post to ``/api/events`` can make one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from jupyter_events import EventLogger

from orbit_jupyter.protocol import BadRequestError, OrbitError
from orbit_jupyter.protocol.errors import BY_CODE, BY_STATUS

from ..hub import READ_METHODS
from ..outcomes import Outcome
from .actions import UNAUDITED, action_of
from .file import AuditFile

log = logging.getLogger("orbit.bridge")

SCHEMA = Path(__file__).with_name("schema.yaml")
SCHEMA_ID = "urn:orbit-jupyter:audit:v1"

REFUSALS = frozenset({401, 403})

GATHER = 0.05
"""Seconds in which lines are gathered into one write."""

MAX_WAITING = 10_000
"""Lines that wait for the disk; what comes on top is counted in the next line's `missed`."""

CLOSING_TIME = 5.0
"""Seconds that a stopping server waits for the disk."""

LONGEST_ROUTE, LONGEST_NAME = 512, 128

SMALL = 2047
"""Bytes that are digested on the loop, in 5 µs; for more, hashlib lets go of the interpreter and a thread pays."""

_TOKEN = re.compile(r"(orbit_[0-9a-f]{12}_)[A-Za-z0-9_-]+")


class AuditEvent(msgspec.Struct, omit_defaults=True):
    """One line; the schema says what each field is."""

    time: str
    user: str
    action: str
    endpoint: str
    plugin: str
    route: str
    status: int
    outcome: str
    digest: str
    trace: str
    seconds: float
    missed: int = 0


# With the time of the answer, and the digest of a large body, on its way.
_Note = tuple[AuditEvent, float, Future[str] | None]

Emit = Callable[[dict[str, Any]], object]
"""Passes an event on to those who listen; returns None where nobody does, as Jupyter's `EventLogger.emit`."""


class AuditLog:
    """Takes notes on the bridge's loop; digests and writes in threads of its own.

    Parameters
    ----------
    emit
        Where events go besides the file.
    file
        Where lines are appended; None: nowhere.
    """

    def __init__(self, emit: Emit, file: AuditFile | None) -> None:
        self._emit, self._file = emit, file
        self._waiting: list[_Note] = []
        self._missed = 0
        self._failing = self._untold = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._draining: asyncio.Task[None] | None = None
        self._news: deque[AuditEvent] = deque(maxlen=MAX_WAITING)  # the oldest go first where listeners are slow
        self._telling: asyncio.Task[None] | None = None
        # Two, so that bodies don't pile up behind a disk that hangs.
        self._digests = ThreadPoolExecutor(1, "orbit-audit-digest")
        self._writes = ThreadPoolExecutor(1, "orbit-audit-file")

    # -- notes -------------------------------------------------------------------------------------------------

    def note(self, outcome: Outcome) -> None:
        """Take note of a call that was answered; an observer of the hub's."""
        if outcome.method in READ_METHODS and outcome.status not in REFUSALS:
            return
        path = f"/{outcome.endpoint}/{outcome.path.lstrip('/')}" if outcome.endpoint else outcome.path
        action = action_of(outcome.method, path)
        if action in UNAUDITED and outcome.status not in REFUSALS:
            return
        self._add(
            action,
            f"{outcome.method} {path}",
            outcome.call.body,
            user=outcome.user,
            endpoint=outcome.endpoint,
            plugin=outcome.plugin,
            status=outcome.status,
            code=outcome.code,
            trace=outcome.trace,
            seconds=outcome.seconds,
        )

    def refused(self, method: str, path: str, status: int, body: bytes, user: str, seconds: float) -> None:
        """Take note of a request that was refused before it became a call. `path` is the one behind ``/orbit``."""
        self._add(action_of(method, path), f"{method} {path}", body, user=user, status=status, seconds=seconds)

    def refused_at_socket(self, path: str, name: str, code: str, user: str) -> None:
        """Take note of an endpoint that may not register, or a client that can't be talked to.

        Parameters
        ----------
        path
            ``/register`` or ``/client``.
        name
            What the endpoint calls itself, or empty.
        code
            The code of the error that it was sent away with, or empty.
        user
            Whose token it came with.
        """
        code = code or BadRequestError.code
        status = BY_CODE.get(code, OrbitError).default_status
        self._add(action_of("GET", path), f"GET {path}", b"", user=user, endpoint=name, status=status, code=code)

    def _add(
        self,
        action: str,
        route: str,
        body: bytes,
        *,
        user: str,
        status: int,
        code: str = "",
        endpoint: str = "",
        plugin: str = "",
        trace: str = "",
        seconds: float = 0.0,
    ) -> None:
        if self._closed:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._missed += 1
            return
        if not code:
            unnamed = OrbitError if status >= 500 else BadRequestError
            code = "ok" if status < 400 else BY_STATUS.get(status, unnamed).code
        event = AuditEvent(
            time="",
            user=_short(user, LONGEST_NAME),
            action=action,
            endpoint=_short(endpoint, LONGEST_NAME),
            plugin=_short(plugin, LONGEST_NAME),
            route=_short(_clean(route), LONGEST_ROUTE),
            status=status,
            outcome=code,
            digest=sha256(body).hexdigest() if 0 < len(body) <= SMALL else "",
            trace=_short(trace, LONGEST_NAME),
            seconds=round(seconds, 6),
            missed=self._missed,
        )
        self._missed = 0
        digest = self._digests.submit(_digest, body) if len(body) > SMALL else None
        self._waiting.append((event, time.time(), digest))
        if self._timer is None and self._draining is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER, self._drain)

    # -- on their way ------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        self._timer = None
        self._draining = asyncio.ensure_future(self._drain_all())

    async def _drain_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                loop = asyncio.get_running_loop()
                self._judge(await loop.run_in_executor(self._writes, self._keep, batch), batch)
                self._news.extend(event for event, _, _ in batch)
                if self._telling is None:
                    self._telling = asyncio.ensure_future(self._tell())
                if self._waiting and not self._closed:
                    await asyncio.sleep(GATHER)
        finally:
            self._draining = None

    def _keep(self, batch: list[_Note]) -> Exception | None:
        """Complete and write what was noted; return why it couldn't be. Runs in the writer's thread."""
        try:
            for event, answered, digest in batch:
                moment = datetime.fromtimestamp(answered, timezone.utc).isoformat(timespec="milliseconds")
                event.time = moment.replace("+00:00", "Z")
                if digest is not None:
                    event.digest = digest.result()
            if self._file is not None:
                # ASCII alone: what callers write can't look like another line, whatever reads it.
                lines = "".join(f"{json.dumps(msgspec.to_builtins(event))}\n" for event, _, _ in batch)
                self._file.append(lines.encode("ascii"))
        except Exception as error:  # a full disk above all; nothing may end the notes that follow
            return error
        return None

    def _judge(self, error: Exception | None, batch: list[_Note]) -> None:
        if error is not None:
            self._missed += sum(1 + event.missed for event, _, _ in batch)
        if error is not None and not self._failing:  # said once, not for each line
            log.error("lines of the audit log are lost, since it can't be written: %s", error)
        elif error is None and self._failing:
            log.warning("the audit log is written again")
        self._failing = error is not None

    async def _tell(self) -> None:
        # Jupyter validates each event, some 400 µs on the loop that notebooks share; so three quarters are theirs.
        try:
            while self._news:
                began = time.perf_counter()
                try:
                    if self._emit(msgspec.to_builtins(self._news.popleft())) is None:
                        self._news.clear()  # nobody listens
                except Exception:  # a modifier or a handler of somebody's
                    if not self._untold:  # said once
                        log.exception("audit events can't be passed on to Jupyter's listeners")
                    self._untold = True
                await asyncio.sleep(0 if self._closed else 3 * (time.perf_counter() - began))
        finally:
            self._telling = None

    async def flush(self) -> None:
        """Wait until what was noted is written, and told to listeners."""
        if self._timer is not None:
            self._timer.cancel()
            self._drain()
        if self._draining is not None:
            await self._draining
        if self._telling is not None:
            await self._telling

    async def close(self) -> None:
        """Flush, and take no more notes; a disk that hangs is not waited for without end."""
        self._closed = True
        flushing = asyncio.ensure_future(self.flush())
        await asyncio.wait({flushing}, timeout=CLOSING_TIME)
        finished = flushing.done()
        if not finished:
            log.error("the audit log didn't get rid of its last lines within %g s", CLOSING_TIME)
            flushing.cancel()
        for pool in (self._digests, self._writes):
            pool.shutdown(wait=finished, cancel_futures=True)


def open_log(path: str, max_bytes: int, events: EventLogger) -> AuditLog:
    """Return the audit log of a server.

    Parameters
    ----------
    path
        Of the file; empty: none.
    max_bytes
        Size beyond which a new file is begun; 0: never.
    events
        Jupyter's; the schema is registered there.
    """
    events.register_event_schema(SCHEMA)
    file = AuditFile(Path(path).expanduser(), max_bytes) if path else None
    return AuditLog(lambda event: events.emit(schema_id=SCHEMA_ID, data=event), file)


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def _clean(route: str) -> str:
    """Return a route without its query, and without the secret of a token that somebody has put into it."""
    route = route.partition("?")[0]
    return _TOKEN.sub(r"\1…", route) if "orbit_" in route else route


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
