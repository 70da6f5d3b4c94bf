"""`join` and `leave`, for cells and scripts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from orbit_jupyter.client import BridgeClient, EndpointClient, connect

from .asking import Ask, ask_here
from .bridge_side import BridgeSide
from .joining import Joining
from .leaving import Leaving, joined_as
from .steps import OnStep, print_step
from .watching import let_go, unwatched, watch
from .wish import Wish


def join(
    host: str,
    *,
    name: str | None = None,
    python: str | None = None,
    plugins: str = "default",
    packages: Sequence[str] = (),
    ssh: str | Sequence[str] = (),
    timeout: float = 120.0,
    keep: bool = True,
    bridge: BridgeClient | None = None,
    ask: Ask = ask_here,
    on_step: OnStep = print_step,
) -> EndpointClient:
    """Have a cluster's login node join the bridge over ssh, and return its endpoint.

    It uses your own ssh configuration and keys, asks for passwords and second factors here, installs the
    endpoint over there where it is missing, starts it, and lets it reach the bridge through the ssh connection.
    What fails is taken back. A second time it finds the endpoint that runs, and opens its tunnel again.

    Parameters
    ----------
    host
        ``user@login.cluster.org``, or a host of your ssh configuration.
    name
        The endpoint's; None: the host, as it is written.
    python
        Of the Python (3.10 or newer) to use there; None: one is looked for.
    plugins
        As for ``orbit-endpoint --plugins``.
    packages
        Distributions installed here that it needs besides, such as those with plugins of your own.
    ssh
        More options for ssh, such as ``"-J gate.cluster.org"``.
    timeout
        Seconds until the endpoint has to be connected, from its start.
    keep
        Whether this process opens the tunnel again when it breaks, without asking anything.
    bridge
        Which bridge; None: as for `orbit_jupyter.connect`.
    ask
        ``ask(prompt, echo)`` returns the answer to a question of ssh's, or None to cancel. Default: in the cell,
        or in the terminal.
    on_step
        Is told each `Step` as it begins. Default: printed.

    Raises
    ------
    ValueError
        The host or the name can't be one, or no bridge is found.
    JoinError
        It didn't work; the message says why and what to do next.
    OrbitError
        The bridge refused something, or the name is another's.
    """
    client = bridge if bridge is not None else connect()
    try:
        wish = Wish(host, name or "", python, plugins, tuple(packages), words(ssh), timeout)
        joining = Joining(_side(client), wish, ask, on_step)
        with unwatched(joining.name):
            joined = joining.run()
    except BaseException:
        if bridge is None:
            client.close()
        raise
    if keep:
        watch(joined)
    return client[joined.name]


def leave(
    host: str,
    *,
    name: str | None = None,
    remove: bool = False,
    ssh: str | Sequence[str] = (),
    bridge: BridgeClient | None = None,
    ask: Ask = ask_here,
    on_step: OnStep = print_step,
) -> None:
    """Undo `join`: end the endpoint, its tunnel and the ssh connection, and revoke its token.

    Jobs go on, and so stay their records and outputs in ``~/.radical/orbit/state`` over there.

    Parameters
    ----------
    host
        The host that was joined, or the endpoint's name.
    name
        The endpoint's, where a host was joined under several.
    remove
        Whether to remove the installation and that state over there, too.
    ssh, bridge, ask, on_step
        As for `join`.

    Raises
    ------
    JoinError
        The host can't be reached, or something couldn't be ended or removed.
    """
    client = bridge if bridge is not None else connect()
    try:
        joined = joined_as(host, name, words(ssh))
        let_go(joined.name)
        Leaving(_side(client), joined, remove, ask, on_step).run()
    finally:
        if bridge is None:
            client.close()


def _side(client: BridgeClient) -> BridgeSide:
    client.open()

    def call(method: str, path: str, json: Any) -> Any:
        return client.call(method, path, json)

    return BridgeSide(call, client.aio.address, client.aio.bridge_id)


def words(ssh: str | Sequence[str]) -> tuple[str, ...]:
    """Return ssh's options, each by itself."""
    return tuple(shlex.split(ssh) if isinstance(ssh, str) else ssh)
