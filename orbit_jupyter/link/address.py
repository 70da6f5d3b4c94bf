"""Where a link leads: the bridge's URL, its certificate, and the token, each from where it is found first.

The order is: argument, environment, what the caller has found out (the Jupyter server of a kernel), file under
``~/.radical/orbit/``.
"""

from __future__ import annotations

import base64
import os
import re
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

URL_VARIABLE = "RADICAL_ORBIT_BRIDGE_URL"
CERT_VARIABLE = "RADICAL_ORBIT_BRIDGE_CERT"
CLIENT_TOKEN_VARIABLE = "RADICAL_ORBIT_CLIENT_TOKEN"  # noqa: S105 - the name of a variable
ENDPOINT_TOKEN_VARIABLE = "RADICAL_ORBIT_ENDPOINT_TOKEN"  # noqa: S105


LOOPBACK = ("localhost", "127.0.0.1", "::1")


def orbit_home() -> Path:
    """Return ``~/.radical/orbit``, where the seed keeps its files too."""
    return Path.home() / ".radical" / "orbit"


@dataclass(frozen=True)
class Found:
    """A value and the place that it came from."""

    value: str
    place: str


class Search:
    """Looks for one value in one place after another, and remembers where it looked."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.places: list[str] = []
        self.found: Found | None = None

    def look(self, place: str, get: Callable[[], str | None]) -> Search:
        """Look in one more place, unless found already."""
        if self.found is None:
            self.places.append(place)
            value = get()
            if value:
                self.found = Found(value.strip(), place)
        return self

    def argument(self, value: str | None) -> Search:
        """Look at what was given in the call."""
        return self.look("the argument", lambda: value)

    def variable(self, name: str) -> Search:
        """Look at an environment variable."""
        return self.look(f"${name}", lambda: os.environ.get(name))

    def file(self, path: Path, *, secret: bool = False) -> Search:
        """Look into a file's text; a secret's file must be readable by its owner alone."""
        return self.look(str(path), lambda: read_text(path, secret=secret))

    def require(self) -> Found:
        """Return what was found.

        Raises
        ------
        ValueError
            Naming every place that was looked at.
        """
        if self.found is None:
            raise ValueError(f"no {self.what} was found; looked at {', '.join(self.places)}")
        return self.found


def read_text(path: Path, *, secret: bool = False) -> str | None:
    """Return a small file's text, or None where there is no such file.

    Raises
    ------
    PermissionError
        If it holds a secret and others than its owner can read it.
    """
    try:
        if secret and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError(f"{path} holds a secret and others can read it; run: chmod 600 {path}")
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(frozen=True)
class Address:
    """A bridge and how to be let in.

    Parameters
    ----------
    url
        ``http(s)://host:port/…/orbit``; ``ws(s)://`` and a ``/register`` at the end are understood, and so are
        credentials in it (``https://orbit:TOKEN@host/orbit``).
    token
        The secret; goes into the Authorization header.
    token_from
        Where it came from, for messages. The token itself never appears in one.
    cert
        Path of a certificate to trust instead of the system's.
    through
        The near end of a tunnel, ``host:port`` or the path of a Unix socket: connected to in place of the URL's
        host, which stays the one that the request names and the certificate is for.
    """

    url: str
    token: str = ""
    token_from: str = "nowhere"  # noqa: S105
    cert: str | None = None
    through: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.url!r}, token from {self.token_from})"

    @classmethod
    def parse(cls, url: str, token: Found | None, cert: str | None) -> Address:
        """Return the address for a URL as people write it.

        Raises
        ------
        ValueError
            If the URL's scheme is none of http, https, ws and wss, or it names no host.
        FileNotFoundError
            If the certificate isn't there.
        """
        parts = urlsplit(url.strip())
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        if scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{_without_secret(url)!r} is no URL of a bridge; it looks like https://host:8888/orbit"
            )
        if parts.password and token is None:
            token = Found(unquote(parts.password), "the URL")
        path = parts.path.rstrip("/")
        path = path[: -len("/register")] if path.endswith("/register") else path
        host = parts.netloc.rpartition("@")[2]
        if scheme != "https":
            cert = None
        elif cert is not None and not Path(cert).expanduser().is_file():
            raise FileNotFoundError(f"the certificate {cert} isn't there")
        return cls(
            url=urlunsplit((scheme, host, path.rstrip("/"), "", "")),
            token=token.value if token else "",
            token_from=token.place if token else "nowhere",
            cert=str(Path(cert).expanduser()) if cert else None,
        )

    @property
    def websocket_url(self) -> str:
        """The same with ``ws`` or ``wss``."""
        return "ws" + self.url[len("http") :]

    @property
    def way(self) -> dict[str, Any]:
        """What a dialler is told of the tunnel; empty without one."""
        if self.through is None:
            return {}
        if self.through.startswith("/"):
            return {"unix": True, "path": self.through}
        host, _, port = self.through.rpartition(":")
        return {"host": host.strip("[]"), "port": int(port), "proxy": None}

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries to be let in: HTTP Basic, which every proxy on the way passes on."""
        if not self.token:
            return {}
        pair = base64.b64encode(f"orbit:{self.token}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the trust for this address: the pinned certificate, else the system's; None without TLS."""
        if not self.url.startswith("https:"):
            return None
        context = ssl.create_default_context(cafile=self.cert)
        if self.cert is not None:
            # The server's own certificate is trust enough, whoever has signed it.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            # A certificate names the machine as others know it; on the machine itself that name can't be checked.
            context.check_hostname = urlsplit(self.url).hostname not in LOOPBACK
        return context


def _without_secret(url: str) -> str:
    """Return a URL, or what was meant to be one, without what stands before an ``@`` in it."""
    return re.sub(r"^(\s*\w+://)?[^/?#]*@", r"\1", url)


def find_cert(argument: str | None) -> str | None:
    """Return the path of the certificate to pin, or None for the system's trust."""
    search = Search("certificate").argument(argument).variable(CERT_VARIABLE)
    default = orbit_home() / "bridge_cert.pem"
    search.look(str(default), lambda: str(default) if default.is_file() else None)
    return search.found.value if search.found else None
