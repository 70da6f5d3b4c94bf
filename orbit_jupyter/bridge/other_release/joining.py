"""The first message of such an endpoint: who it is, and whether it may come in."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from dataclasses import dataclass

from orbit_jupyter.link import Limits, TransportClosedError
from orbit_jupyter.protocol import BadRequestError, Bye, Hello, HostFacts

from ..hub import Hub
from ..registry import Entry, Grant
from .link import OtherReleaseLink, Wire
from .messages import RELEASE, Error, Register, UnreadableMessageError, infos_of, is_json, read, to_json

log = logging.getLogger("orbit.bridge")


@dataclass(frozen=True)
class Refusal:
    """An endpoint that was sent away, and why."""

    name: str
    bye: Bye


spoken_in = is_json
"""Whether a connection's first message is of that release: a frame of ours is never a JSON object."""


async def join(
    data: bytes, hub: Hub, grant: Grant, socket: Wire, limits: Limits
) -> OtherReleaseLink | Refusal | None:
    """Take a message from an endpoint that hasn't registered yet.

    Returns
    -------
    Its link, now that it has; a refusal, of which it was told; None where the message says something else, which
    it may do before it registers.
    """
    try:
        said = read(data)
    except UnreadableMessageError as error:
        log.warning("an endpoint of %s: %s", RELEASE, error)
        if error.kind != "register":
            return None
        return _refuse(socket, "", Bye(str(error), retry=False, code=BadRequestError.code))
    if not isinstance(said, Register):
        return None
    hello = _hello(said)
    refused = await hub.admit(hello, grant)
    if refused is not None:
        return _refuse(socket, hello.name, refused)
    link = OtherReleaseLink(hello.name, hello.boot_id, socket, limits)
    entry = Entry(hello.name, hello, grant, link, since=time.time())
    link.on_frame = lambda frame: hub.endpoint_frame(entry, frame)
    link.on_state = lambda state: hub.endpoint_state(entry, state)
    link.lost_error = lambda reason: hub.lost_error(hello.name, reason)
    hub.endpoint_up(entry)
    return link


def _hello(said: Register) -> Hello:
    """Return what an endpoint of ours would have said in its place."""
    return Hello(
        role="endpoint",
        name=said.endpoint_name,
        boot_id=secrets.token_hex(8),
        plugins=infos_of(said.plugins),
        host=HostFacts(orbit=RELEASE),
    )


def _refuse(socket: Wire, name: str, bye: Bye) -> Refusal:
    # Whoever reads an `error` ends its process, so only what is final is one.
    if not bye.retry:
        with contextlib.suppress(TransportClosedError):
            socket.send(to_json(Error(bye.reason)), binary=False)
    socket.close(1008, bye.reason)
    return Refusal(name, bye)
