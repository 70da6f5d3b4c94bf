"""A kernel of a running Jupyter server, over its REST API and WebSocket.

Jupyter's own client for this (`jupyter_server.gateway`) sends no credentials on the WebSocket, and the one package
for it on PyPI brings 150 MB of Arrow along; the protocol itself is small.
Source: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import Any

import httpx
from websockets.sync.client import connect


class CellError(Exception):
    """A cell raised; the message is its traceback."""


class ServerKernel:
    """A kernel that the server starts, and ends with the `with` block.

    Parameters
    ----------
    url
        The server's, such as ``http://127.0.0.1:8888/``.
    token
        The server's.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"token {token}"}
        self._stack = contextlib.ExitStack()
        self._requests: set[str] = set()

    def __enter__(self) -> ServerKernel:
        kernels = f"{self._url}/api/kernels"
        answer = httpx.post(kernels, headers=self._headers, json={"name": "python3"}, timeout=60)
        answer.raise_for_status()
        self.id = answer.json()["id"]
        with self._stack:  # ends the kernel again where connecting to it fails
            self._stack.callback(httpx.delete, f"{kernels}/{self.id}", headers=self._headers, timeout=60)
            socket_url = f"ws{self._url[len('http') :]}/api/kernels/{self.id}/channels"
            socket = connect(socket_url, additional_headers=self._headers, max_size=None, open_timeout=60)
            self._socket = self._stack.enter_context(socket)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def execute(self, code: str, timeout: float = 120.0) -> list[dict[str, Any]]:
        """Run a cell and return its outputs, shaped as in a notebook's file.

        What a thread has printed meanwhile comes along, also where it belongs to an earlier cell.

        Raises
        ------
        CellError
            As the cell raised.
        TimeoutError
            After `timeout` seconds without a message.
        """
        request = self._send("execute_request", {"code": code, "silent": False, "store_history": True})
        outputs: list[dict[str, Any]] = []
        raised: CellError | None = None
        while True:
            message = json.loads(self._socket.recv(timeout))
            kind, content = message["msg_type"], message["content"]
            parent = message["parent_header"].get("msg_id")
            if kind in ("stream", "display_data", "execute_result") and parent in self._requests:
                outputs.append({"output_type": kind, **content})
            elif parent != request:
                continue
            elif kind == "error":
                raised = CellError("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                if raised is not None:
                    raise raised
                return outputs

    def interrupt(self) -> None:
        """Interrupt the running cell, as the notebook's stop button does."""
        url = f"{self._url}/api/kernels/{self.id}/interrupt"
        httpx.post(url, headers=self._headers, timeout=60).raise_for_status()

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        id = uuid.uuid4().hex
        header = {"msg_id": id, "msg_type": kind, "session": id, "username": "", "date": "", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._requests.add(id)
        self._socket.send(json.dumps(message))
        return id
