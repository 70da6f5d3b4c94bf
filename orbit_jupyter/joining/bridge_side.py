"""What a join asks of the bridge: tokens, and whether an endpoint has come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orbit_jupyter.link import Address
from orbit_jupyter.protocol import ResourceNotFoundError

Call = Callable[[str, str, Any], Any]
"""Method, path and body of one of the bridge's own routes; returns its answer."""


class BridgeSide:
    """The bridge that clusters join.

    Parameters
    ----------
    call
        Calls it, and blocks meanwhile.
    address
        Where it is, as this side reaches it.
    id
        Who it is, also after a restart.
    """

    def __init__(self, call: Call, address: Address, id: str) -> None:
        self._call, self._address, self.id = call, address, id

    @property
    def url(self) -> str:
        """Where it answers HTTP."""
        return self._address.url

    @property
    def target(self) -> str:
        """``host:port``, as ssh wants it."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def certificate(self) -> str:
        """The text of the certificate that is pinned here, and is to be there as well; empty without one."""
        return Path(self._address.cert).read_text(encoding="utf-8") if self._address.cert else ""

    def process_of(self, name: str) -> tuple[str, int] | None:
        """Return host and process of an endpoint that is connected just now."""
        listed = self._call("POST", "/endpoint/list", None)["data"]["endpoints"]
        facts = listed.get(name, {}).get("endpoint", {})
        return (facts["hostname"], facts["pid"]) if facts.get("state") == "present" else None

    def is_connected(self, name: str, pid: int) -> bool:
        """Return whether an endpoint is connected just now that is that process."""
        holder = self.process_of(name)
        return holder is not None and holder[1] == pid

    def tokens(self, name: str) -> set[str]:
        """Return the ids of the tokens for one endpoint."""
        return {token["id"] for token in self._call("GET", "/tokens", None)["tokens"] if token["name"] == name}

    def make_token(self, name: str) -> tuple[str, str]:
        """Make a token; return its id and its text."""
        made = self._call("POST", "/tokens", {"name": name})
        return made["id"], made["token"]

    def revoke(self, id: str) -> None:
        """Revoke a token; silent where it is revoked already."""
        with contextlib.suppress(ResourceNotFoundError):
            self._call("DELETE", f"/tokens/{id}", None)
