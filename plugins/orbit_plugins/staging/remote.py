"""An endpoint's files, as calls: what the client's transfers are made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from orbit_jupyter.plugin import AsyncPluginClient, BadRequestError

from .plan import check_remote
from .wants import SIZE

if TYPE_CHECKING:
    from orbit_jupyter.client.exchange import AsyncExchange, Body

LONG = 7 * 86_400.0
"""Seconds that a transfer may take; a link that is lost is noticed in any case."""


class _Endpoint(Protocol):
    def exchange(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        params: dict[str, Any] | None = None,
        timeout: float = LONG,
    ) -> AsyncExchange: ...


class Remote:
    """The routes of a plugin that need no session.

    Parameters
    ----------
    client
        Of the plugin.
    """

    def __init__(self, client: AsyncPluginClient) -> None:
        self._client = client
        self.name = client.endpoint.endpoint_id

    @asynccontextmanager
    async def file(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> AsyncIterator[AsyncExchange]:
        """Call ``files/…``."""
        endpoint = cast(_Endpoint, self._client.endpoint)
        params = {"overwrite": "true"} if overwrite else None
        url = f"/{self._client.name}/files/{_quoted(path)}"
        async with endpoint.exchange(
            method, url, body=body, headers=headers, params=params, timeout=LONG
        ) as exchange:
            yield exchange

    async def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None: it is a folder.

        Raises
        ------
        OrbitError
            There is neither.
        """
        try:
            async with self.file("HEAD", path) as exchange:
                return int(exchange.headers[SIZE])
        except BadRequestError as error:
            if "Is a directory" in error.message:
                return None
            raise

    async def part(self, path: str, digest: str) -> int:
        """Return how many bytes of an upload there are already."""
        answer = await self._client.call("GET", f"part/{_quoted(path)}", params={"digest": digest})
        return int(answer["offset"])

    async def digest(self, path: str) -> dict[str, Any]:
        """Return ``{"size", "digest", "etag"}`` of a file."""
        answer: dict[str, Any] = await self._client.call("GET", f"digest/{_quoted(path)}", timeout=LONG)
        return answer

    async def make_folder(self, path: str) -> None:
        """Make a folder, where it isn't there yet."""
        await self._client.call("PUT", f"folders/{_quoted(path)}")


def _quoted(path: str) -> str:
    return quote(check_remote(path).lstrip("/"), safe="/~")
