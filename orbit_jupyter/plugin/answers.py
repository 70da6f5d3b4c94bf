"""What the routes answer that every plugin has; names and keys are those of radical.orbit 0.2.0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict


@dataclass(frozen=True)
class Streamed:
    """An answer whose body goes out as it is made; its maker waits while nobody reads.

    Attributes
    ----------
    chunks
        Yields bytes, of any length.
    headers
        Names in lower case; a ``content-type`` above all.
    """

    chunks: AsyncIterator[bytes]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Registered(TypedDict):
    """Of ``register_session``; a plugin may say more."""

    sid: str


class Done(TypedDict):
    """Of what has nothing else to say."""

    ok: bool


class Version(TypedDict):
    """Of ``version``."""

    version: str


class Sessions(TypedDict):
    """Of ``list_sessions``."""

    sessions: list[str]


class Health(TypedDict):
    """Of ``health``."""

    status: str
    plugin: str
    version: str
    uptime_seconds: float
    active_sessions: int


class Page(TypedDict):
    """Of ``ui_config``: the plugin's page, `UIConfig` as JSON; ``{}`` where it has none."""

    plugin_name: str
    instance_name: str
    version: str
    ui: dict[str, Any]
