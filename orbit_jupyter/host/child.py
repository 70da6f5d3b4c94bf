"""A child plugin host: one plugin in a process of its own, on the other end of a socket pair.

Started as ``python -m orbit_jupyter.host.child FD SETUP``. It ends when the socket does, so nothing outlives its
endpoint.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid
from pathlib import Path
from typing import NoReturn

import msgspec

from orbit_jupyter.link import Link, connect_socket
from orbit_jupyter.link.logs import FORMAT, begin_logging, log_level
from orbit_jupyter.plugin import App, AppState
from orbit_jupyter.protocol import (
    AnyFrame,
    Bye,
    Event,
    Events,
    Hello,
    Listeners,
    Topology,
    UnsupportedError,
    Welcome,
    decode,
    encode,
)

from .child_link import ChildSetup
from .plugin_host import PluginHost


async def serve(fd: int, setup: ChildSetup) -> None:
    """Load the plugin and answer its calls until the endpoint goes."""
    loop = asyncio.get_running_loop()
    transport = await connect_socket(socket.socket(fileno=fd))
    sent = 0
    link: Link | None = None
    early: list[Event] = []  # what the plugin says in its `start`, before there is a link

    def send(event: Event) -> None:
        nonlocal sent
        if link is None:
            early.append(event)
        else:
            sent += 1
            link.send(Events(epoch="child", first=sent, events=[event]))

    def on_event(event: Event) -> None:
        loop.call_soon_threadsafe(send, event)

    state = AppState(
        endpoint_name=setup.endpoint_name,
        bridge_url=setup.bridge_url,
        role=setup.role,
        folder=Path(setup.folder) if setup.folder else None,
    )
    host = PluginHost(App(state), on_event=on_event, in_child=True)
    # The endpoint routes to the one plugin that it has started this process for, and couldn't reach another.
    state.add_plugin = state.remove_plugin = _refuse
    await host.load([setup.source])
    infos = host.infos()
    # What can't even be imported is listed under another name, since nobody knows the plugin's own.
    info = infos.get(setup.instance_name) or next(iter(infos.values()))
    if not info.enabled:
        await transport.send(encode(Bye(reason=f"it can't be loaded: {info.error}")))
        await transport.close()
        return
    await transport.send(
        encode(Hello(role="plugin-host", name=setup.instance_name, boot_id=uuid.uuid4().hex, plugins=infos))
    )
    welcome = decode(await transport.receive())
    assert isinstance(welcome, Welcome)

    def on_frame(frame: AnyFrame) -> None:
        if isinstance(frame, Topology | Listeners):
            host.tell(frame)

    link = Link(transport, on_call=host.handle, on_frame=on_frame)
    for event in early:
        send(event)
    await link.run()
    await host.close()


async def _refuse(*_: object, **__: object) -> NoReturn:
    raise UnsupportedError(
        "a plugin in a child process can't add or remove plugins; leave out its isolation = 'process'"
    )


def main() -> None:
    """Run the child."""
    fd, setup = int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=ChildSetup)
    begin_logging(log_level(), FORMAT.replace("%(message)s", f"{setup.instance_name}: %(message)s"))
    asyncio.run(serve(fd, setup))


if __name__ == "__main__":
    main()
