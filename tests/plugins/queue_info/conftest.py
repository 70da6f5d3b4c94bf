"""The plugin on a batch system that the test makes, with bridge and client in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from told_batch import ToldBatch

from orbit_jupyter.plugin import App
from orbit_jupyter.plugin.testing import StarClient, star
from orbit_plugins.queue_info import QueueInfoClient, QueueInfoPlugin


class Site:
    """A batch system, an endpoint with the plugin on it, and the plugin's client."""

    def __init__(self, batch: ToldBatch, endpoint: StarClient) -> None:
        self.batch, self.endpoint = batch, endpoint
        self.client = cast(QueueInfoClient, endpoint.get_plugin("queue_info"))

    @property
    def sid(self) -> str:
        assert self.client.sid is not None
        return self.client.sid

    def get(self, route: str, **params: Any) -> Any:
        return self.endpoint.call("GET", f"/queue_info/{route}", params=params)


def plugin_on(batch: ToldBatch, **more: Any) -> type[QueueInfoPlugin]:
    """Return the plugin's class, for a host with that batch system."""

    class OnTold(QueueInfoPlugin):
        def __init__(self, app: App, instance_name: str | None = None) -> None:
            super().__init__(app, instance_name, batch=batch, **more)

    return OnTold


Open = Callable[..., Site]


@pytest.fixture
def open_site() -> Iterator[Open]:
    """Return a function that opens a site on a batch system."""
    with ExitStack() as stack:

        def open_site(batch: ToldBatch, **more: Any) -> Site:
            site = Site(batch, stack.enter_context(star(plugin_on(batch, **more), role="login")))
            stack.callback(batch.going.set)
            return site

        yield open_site


@pytest.fixture
def batch() -> ToldBatch:
    return ToldBatch()


@pytest.fixture
def site(batch: ToldBatch, open_site: Open) -> Site:
    return open_site(batch)
