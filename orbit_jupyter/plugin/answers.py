"""What the routes answer that every plugin has; names and keys are those of radical.orbit 0.2.0."""

from __future__ import annotations

from typing import Any, TypedDict


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
