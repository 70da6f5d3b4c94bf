"""`httpx` over the link: for client classes that speak HTTP, as those written for radical.orbit do."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote

import httpx

from orbit_jupyter.plugin import DEFAULT_TIMEOUT
from orbit_jupyter.protocol import Call, OrbitError, Reply, reply_from


class LinkTransport(httpx.BaseTransport):
    """Sends each request as a call; its path is ``/{endpoint}/{plugin}/…``."""

    def __init__(
        self,
        send: Callable[[Call], Coroutine[Any, Any, Reply]],
        wait: Callable[[Coroutine[Any, Any, Reply]], Reply],
    ) -> None:
        self._send, self._wait = send, wait

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        endpoint, _, rest = request.url.raw_path.partition(b"?")[0].decode().lstrip("/").partition("/")
        timeout = request.extensions.get("timeout", {}).get("read")
        call = Call(
            id=0,
            endpoint=unquote(endpoint),
            method=request.method,
            path=f"/{rest}",
            query=request.url.query.decode(),
            headers={name.lower(): value for name, value in request.headers.items()},
            time_left=DEFAULT_TIMEOUT if timeout is None else timeout,
            body=request.read(),
        )
        try:
            reply = self._wait(self._send(call))
        except OrbitError as error:
            reply = reply_from(error)
        return httpx.Response(reply.status, headers=reply.headers, content=reply.body, request=request)


def http_client(
    send: Callable[[Call], Coroutine[Any, Any, Reply]],
    wait: Callable[[Coroutine[Any, Any, Reply]], Reply],
) -> httpx.Client:
    """Return a client whose relative URLs lead to endpoints."""
    return httpx.Client(
        transport=LinkTransport(send, wait), base_url="http://orbit", timeout=DEFAULT_TIMEOUT, trust_env=False
    )
