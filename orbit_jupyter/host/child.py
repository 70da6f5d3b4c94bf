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

    def send(event: Event) -> None:
        nonlocal sent
        if link is not None:
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
    await host.load([setup.source])
    (info,) = host.infos().values()
    if not info.enabled:
        await transport.send(encode(Bye(reason=f"it can't be loaded: {info.error}")))
        await transport.close()
        return
    await transport.send(
        encode(Hello(role="plugin-host", name=setup.instance_name, boot_id=uuid.uuid4().hex, plugins=host.infos()))
    )
    welcome = decode(await transport.receive())
    assert isinstance(welcome, Welcome)

    def on_frame(frame: AnyFrame) -> None:
        if isinstance(frame, Topology | Listeners):
            host.tell(frame)

    link = Link(transport, on_call=host.handle, on_frame=on_frame)
    await link.run()
    await host.close()


def main() -> None:
    """Run the child."""
    fd, setup = int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=ChildSetup)
    begin_logging(log_level(), FORMAT.replace("%(message)s", f"{setup.instance_name}: %(message)s"))
    asyncio.run(serve(fd, setup))


if __name__ == "__main__":
    main()
