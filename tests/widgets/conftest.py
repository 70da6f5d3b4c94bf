"""An endpoint in memory for widgets, and what a page would hear of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sample_plugin import SamplePlugin

from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.psij import PSIJPlugin
from orbit_plugins.sysinfo import SysInfoPlugin


@pytest.fixture
def hpc() -> Iterator[StarClient]:
    """Run an endpoint with `psij`, `sysinfo` and the sample plugin."""
    with star(PSIJPlugin, SysInfoPlugin, SamplePlugin) as client:
        yield client


class Page:
    """The other end of a widget's comm."""

    def __init__(self) -> None:
        self._messages: list[tuple[dict[str, Any], list[bytes]]] = []
        self._came = threading.Condition()

    def send(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        """Take a message from the kernel."""
        with self._came:
            self._messages.append((content, list(buffers or [])))
            self._came.notify_all()

    def wait(self, what: str, seconds: float = 10.0) -> tuple[dict[str, Any], list[bytes]]:
        """Wait for a message of that kind; take it, and those before it."""
        with self._came:
            assert self._came.wait_for(lambda: self._index(what) is not None, seconds), self._messages
            index = self._index(what)
            assert index is not None
            message = self._messages[index]
            del self._messages[: index + 1]
            return message

    def _index(self, what: str) -> int | None:
        return next((i for i, (content, _) in enumerate(self._messages) if content["orbit"] == what), None)
