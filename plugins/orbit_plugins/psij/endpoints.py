"""Endpoints that are jobs: their names, their tokens, and what starts them."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from orbit_jupyter.plugin import BadRequestError, InvalidFieldError, UnsupportedError, check_name
from orbit_jupyter.state import write_whole

from .spec import Count, Custom, Name

TUNNELS = ("none", "forward", "reverse")

TOKEN_VARIABLE = "RADICAL_ORBIT_ENDPOINT_TOKEN"  # noqa: S105 - the name of a variable

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

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


@dataclass(frozen=True)
class Host:
    """What the endpoint knows of itself and its bridge.

    `dialled` is the bridge's URL as this endpoint reaches it, `told` as the bridge itself says it.
    """

    name: str
    dialled: str = ""
    told: str = ""
    cert: str | None = None

    def bridge_url(self, executor: str) -> str:
        """Return the URL by which a job of that executor should find the bridge.

        What works here works for jobs here. From other machines a loopback address, which a tunnel has, leads
        nowhere.
        """
        elsewhere = executor != "local" and urlsplit(self.dialled).hostname in _LOOPBACK
        return (self.told or self.dialled) if elsewhere else (self.dialled or self.told)


def check_tunnel(tunnel: object) -> None:
    """Check the `tunnel` of a request.

    Raises
    ------
    BadRequestError
        It is none of `TUNNELS`; a boolean isn't either.
    UnsupportedError
        It is one that isn't there yet.
    """
    if not isinstance(tunnel, str) or tunnel not in TUNNELS:
        raise BadRequestError(f"tunnel: {tunnel!r} is none of {', '.join(TUNNELS)}", data={"field": "tunnel"})
    if tunnel != "none":
        raise UnsupportedError(
            f"tunnel: {tunnel!r} is not there yet; open the tunnel yourself (ssh -R or ssh -L), give its end as "
            "--url in the arguments, and ask for tunnel 'none'",
            data={"field": "tunnel"},
        )


def name_in(arguments: list[str]) -> str:
    """Return the name of the endpoint that a command line starts, as ``orbit-endpoint`` reads it.

    Raises
    ------
    InvalidFieldError
        If there is none, or it can't be a name.
    """
    field, found = "job_spec.arguments", None
    for argument, following in zip(arguments, [*arguments[1:], None], strict=False):
        if argument in ("-n", "--name"):
            found = following
        elif argument.startswith("--name="):
            found = argument.removeprefix("--name=")
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
    url = _checked_url(wanted.bridge_url or host.bridge_url(wanted.executor))
    arguments = ["-m", "orbit_jupyter.endpoint", "--name", wanted.name, "--url", url]
    arguments += ["--plugins", wanted.plugins, "--token-file", str(token_file)]
    if host.cert is not None:
        arguments += ["--cert", str(Path(host.cert).expanduser().absolute())]
    return {
        "executable": sys.executable,
        "arguments": arguments,
        "name": f"orbit-{wanted.name}",
        # The token of this endpoint, which the job would inherit, is not the job's.
        "environment": {TOKEN_VARIABLE: ""},
        "attributes": {
            "queue_name": wanted.queue_name,
            "account": wanted.account,
            "duration": wanted.duration,
            "node_count": wanted.node_count,
            "custom_attributes": wanted.custom_attributes,
        },
    }


def _checked_url(url: str) -> str:
    field = "bridge_url"
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise InvalidFieldError(f"{field}: leave the credentials out; the token is enough", field=field)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname:
            return url
    raise InvalidFieldError(f"{field}: give the bridge's URL, such as https://host:8888/orbit", field=field)


class TokenFile:
    """Where an endpoint of that name looks for its token."""

    def __init__(self, name: str) -> None:
        self.path = Path.home() / ".radical" / "orbit" / "endpoints" / f"{name}.token"
        self._written = False

    def write(self, token: str) -> None:
        """Write it, whole or not at all, readable by its owner alone."""
        write_whole(self.path, f"{token}\n".encode())
        self._written = True

    def undo(self) -> None:
        """Remove what `write` wrote: of an endpoint that never came to be."""
        if self._written:
            self.path.unlink(missing_ok=True)
