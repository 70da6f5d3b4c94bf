"""Where a client finds its bridge and its token, with no arguments in a notebook."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from orbit_jupyter.link import Address, Search, find_cert, orbit_home, read_text
from orbit_jupyter.link.address import CLIENT_TOKEN_VARIABLE, URL_VARIABLE


def find_address(url: str | None = None, cert: str | None = None, token: str | None = None) -> Address:
    """Return the bridge to talk to.

    The URL comes from the argument, ``$RADICAL_ORBIT_BRIDGE_URL``, the Jupyter server that this kernel runs
    under, or ``~/.radical/orbit/bridge.url``; the token from the argument, ``$RADICAL_ORBIT_CLIENT_TOKEN``, that
    server (for its own bridge alone), or ``~/.radical/orbit/client.token``.

    Raises
    ------
    ValueError
        If there is none; the message names every place that was looked at.
    PermissionError
        If the token's file can be read by others.
    """
    server = None if url and token else _this_server()
    if server is not None:
        place = f"the Jupyter server of this kernel ({server.path})"
    elif "JPY_PARENT_PID" in os.environ:
        place = "the Jupyter server of this kernel (it has no Orbit bridge: is orbit-jupyter installed beside it?)"
    else:
        place = "the Jupyter server of this kernel (this is no kernel)"
    search = Search("bridge URL").argument(url).variable(URL_VARIABLE)
    search.look(place, lambda: server.url if server else None)
    found = search.file(orbit_home() / "bridge.url").require()

    secret = Search("client token").argument(token).variable(CLIENT_TOKEN_VARIABLE)
    if server is not None and found.value == server.url:
        # Never for another bridge: it would be given away.
        secret.look(place, lambda: server.token)
        cert = cert or server.cert
    if not urlsplit(found.value).password:
        secret.file(orbit_home() / "client.token", secret=True)
    address = Address.parse(found.value, secret.found, find_cert(cert))
    if not address.token:
        raise ValueError(
            f"no token for the bridge at {address.url} was found; looked at {', '.join(secret.places)}. "
            f"In a terminal use your Jupyter server's own token: export {CLIENT_TOKEN_VARIABLE}=…"
        )
    return address


@dataclass(frozen=True)
class _Server:
    path: Path
    url: str
    token: str
    cert: str | None


def _this_server() -> _Server | None:
    """Return what this kernel's server has written for it, if it has an Orbit bridge."""
    pid = os.environ.get("JPY_PARENT_PID")
    if not pid or not pid.isdigit():
        return None
    from jupyter_core.paths import jupyter_runtime_dir

    path = Path(jupyter_runtime_dir()) / f"orbit-{pid}.json"
    with contextlib.suppress(ValueError, KeyError, TypeError):
        text = read_text(path, secret=True)
        if text is not None:
            written = json.loads(text)
            return _Server(path, str(written["url"]), str(written["token"]), written.get("cert"))
    return None
