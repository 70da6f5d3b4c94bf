"""Joining a cluster from the page: what `orbit.join` does, with ssh's questions asked in the browser."""

from __future__ import annotations

from .plugin import JoinPlugin

__all__ = ["JoinPlugin"]
