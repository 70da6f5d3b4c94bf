"""Endpoints that are jobs: their names, their tokens, and what starts them."""

from __future__ import annotations

import contextlib
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

import orbit_jupyter
from orbit_jupyter.link.address import LOOPBACK
from orbit_jupyter.plugin import BadRequestError, InvalidFieldError, check_name
from orbit_jupyter.ssh import check_login
from orbit_jupyter.state import write_whole

from .spec import Count, Custom, Name

TUNNELS = ("none", "forward", "reverse", "auto")

WRAPPER = Path(orbit_jupyter.__file__).parent / "endpoint" / "orbit-endpoint-wrapper.sh"
"""Prepares a batch job's environment, and becomes the endpoint."""

PYTHON_VARIABLE = "RADICAL_ORBIT_PYTHON"
"""The Python that the wrapper starts the endpoint by."""

TOKEN_VARIABLE = "RADICAL_ORBIT_ENDPOINT_TOKEN"  # noqa: S105 - the name of a variable

Token = Annotated[str, msgspec.Meta(pattern=r"^[!-~]+$", max_length=4096)]


class Launch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``launch/{sid}``."""

    name: str
    token: Token
    executor: str = "local"
    queue_name: str | None = None
    account: str | None = None
    duration: int | str | None = None
    node_count: Count | None = None
    plugins: Name = "default"
    custom_attributes: Custom = {}
    bridge_url: Name | None = None
    tunnel: Any = "none"
    tunnel_via: Name | None = None
    force: bool = False


@dataclass(frozen=True)
class Host:
    """What the endpoint knows of itself and its bridge.

    `dialled` is the bridge's URL as this endpoint reaches it, `told` as the bridge itself says it; `end` is what
    it connects to here in place of that, ``HOST:PORT`` or a socket's path, where it has a tunnel itself.
    """

    name: str
    dialled: str = ""
    told: str = ""
    cert: str | None = None
    end: str | None = None

    def bridge_url(self, executor: str) -> str:
        """Return the URL by which a job of that executor should find the bridge.

        What works here works for jobs here. From other machines a loopback address, which a tunnel has, leads
        nowhere.
        """
        elsewhere = executor != "local" and urlsplit(self.dialled).hostname in LOOPBACK
        return (self.told or self.dialled) if elsewhere else (self.dialled or self.told)


def check_tunnel(tunnel: object) -> str:
    """Return the `tunnel` of a request.

    Raises
    ------
    BadRequestError
        It is none of `TUNNELS`; a boolean isn't either.
    """
    if not isinstance(tunnel, str) or tunnel not in TUNNELS:
        raise BadRequestError(f"tunnel: {tunnel!r} is none of {', '.join(TUNNELS)}", data={"field": "tunnel"})
    return tunnel


def tunnel_arguments(tunnel: str, host: Host, via: str | None = None) -> list[str]:
    """Return what an endpoint's command line needs for its tunnel.

    Parameters
    ----------
    tunnel
        One of `TUNNELS`.
    host
        The endpoint that submits it.
    via
        Login host of a forward; None: this one.

    Raises
    ------
    InvalidFieldError
        `via` is no host.
    """
    if tunnel == "none":
        return []
    try:
        arguments = ["--tunnel", tunnel, "--tunnel-via", check_login(via or socket.gethostname())]
    except ValueError as error:
        raise InvalidFieldError(f"tunnel_via: {error}", field="tunnel_via") from None
    # Where this endpoint has a tunnel itself, the next one begins at its end.
    return [*arguments, "--tunnel-to", host.end] if host.end is not None and via is None else arguments


def target_in(url: str | None, host: Host) -> str | None:
    """Return what a reverse tunnel to the bridge of that URL leads to; None: to this endpoint's own bridge."""
    if url is None or place_of(url) == place_of(host.dialled):
        return None
    return place_of(url)


def place_of(url: str) -> str | None:
    """Return the ``HOST:PORT`` of a URL, or None where it has none."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname:
            port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
            return f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"
    return None


def option_in(arguments: list[str], *names: str) -> str | None:
    """Return the value of an option in a command line, the last one, as ``orbit-endpoint`` reads it."""
    found = None
    for argument, following in zip(arguments, [*arguments[1:], None], strict=False):
        name, equals, value = argument.partition("=")
        if argument in names:
            found = following
        elif equals and name in names and name.startswith("--"):
            found = value
    return found


def name_in(arguments: list[str]) -> str:
    """Return the name of the endpoint that a command line starts, as ``orbit-endpoint`` reads it.

    Raises
    ------
    InvalidFieldError
        If there is none, or it can't be a name.
    """
    field, found = "job_spec.arguments", option_in(arguments, "-n", "--name")
    if found is None:
        raise InvalidFieldError(f"{field}: the endpoint's name is missing; add '--name', 'NAME'", field=field)
    return checked_name(found, field)


def checked_name(name: str, field: str, own: str | None = None) -> str:
    """Return a name that another endpoint may have.

    Raises
    ------
    InvalidFieldError
        If it can't be one, or is `own`.
    """
    try:
        check_name(name, "name of an endpoint")
    except InvalidFieldError as error:
        raise InvalidFieldError(f"{field}: {error}", field=field) from None
    if name == own:
        raise InvalidFieldError(f"{field}: {name!r} is this endpoint itself; choose another name", field=field)
    return name


def job_spec(wanted: Launch, host: Host, token_file: Path) -> dict[str, Any]:
    """Return the job that is the endpoint. The token isn't in it, only where it lies.

    Raises
    ------
    InvalidFieldError
        If there is no bridge to dial, or its URL holds a secret.
    """
    tunnel, local = tunnel_of(wanted), wanted.executor == "local"
    # Through a tunnel the bridge is where it is for this endpoint.
    own = (host.dialled or host.told) if tunnel != "none" else host.bridge_url(wanted.executor)
    url = _checked_url(wanted.bridge_url or own)
    arguments = ["--name", wanted.name, "--url", url]
    arguments += ["--plugins", wanted.plugins, "--token-file", str(token_file)]
    if host.cert is not None:
        arguments += ["--cert", str(Path(host.cert).expanduser().absolute())]
    if host.end is not None and local and tunnel == "none" and wanted.bridge_url is None:
        arguments += ["--through", host.end]
    arguments += tunnel_arguments(tunnel, host, wanted.tunnel_via)
    start = [sys.executable, "-m", "orbit_jupyter.endpoint"] if local else ["/bin/sh", str(WRAPPER)]
    # The token of this endpoint, which the job would inherit, is not the job's.
    environment = {TOKEN_VARIABLE: ""} if local else {TOKEN_VARIABLE: "", PYTHON_VARIABLE: sys.executable}
    return {
        "executable": start[0],
        "arguments": [*start[1:], *arguments],
        "name": f"orbit-{wanted.name}",
        "environment": environment,
        "attributes": {
            "queue_name": wanted.queue_name,
            "account": wanted.account,
            "duration": wanted.duration,
            "node_count": wanted.node_count,
            "custom_attributes": wanted.custom_attributes,
        },
    }


def tunnel_of(wanted: Launch) -> str:
    """Return the tunnel of a launch; on this machine ``auto`` needs none.

    Raises
    ------
    BadRequestError
        It is none of `TUNNELS`.
    """
    tunnel = check_tunnel(wanted.tunnel)
    return "none" if tunnel == "auto" and wanted.executor == "local" else tunnel


def _checked_url(url: str) -> str:
    field = "bridge_url"
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise InvalidFieldError(f"{field}: leave the credentials out; the token is enough", field=field)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname:
            return url
    raise InvalidFieldError(f"{field}: give the bridge's URL, such as https://host:8888/orbit", field=field)


def token_file_of(name: str) -> Path:
    """Return where an endpoint of that name looks for its token."""
    return Path.home() / ".radical" / "orbit" / "endpoints" / f"{name}.token"


def write_token(path: Path, token: str) -> None:
    """Write a token's file, whole or not at all, readable by its owner alone."""
    write_whole(path, f"{token}\n".encode())


def token_id(token: str) -> str:
    """Return the public part of a token; empty where it isn't one of a bridge of ours."""
    _, _, rest = token.partition("orbit_")
    return rest.partition("_")[0]
