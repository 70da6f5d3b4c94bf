"""From a path to a handler and its parameters. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from orbit_jupyter.plugin import Handler, Route
from orbit_jupyter.protocol import MethodNotAllowedError, RouteNotFoundError


class Router:
    """The routes of one plugin.

    Parameters
    ----------
    routes
        A later one with the same method and path replaces an earlier one, so that plugins can override.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        table: dict[tuple[str, ...], dict[str, Handler]] = {}
        for route in routes:
            table.setdefault(tuple(route.path.split("/")), {})[route.method] = route.handler
        # Fixed segments are tried before placeholders.
        self._table = sorted(table.items(), key=lambda item: [part.startswith("{") for part in item[0]])

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """Return the handler and the percent-decoded values of its placeholders.

        Parameters
        ----------
        method
            HTTP method; HEAD goes where GET goes.
        path
            Percent-encoded, without the plugin's name.

        Raises
        ------
        RouteNotFoundError
            With the routes that there are.
        MethodNotAllowedError
            With the methods that the route has.
        """
        parts = path.strip("/").split("/")
        others: set[str] = set()
        for pattern, handlers in self._table:
            values = _match(pattern, parts)
            if values is None:
                continue
            handler = handlers.get(method) or (handlers.get("GET") if method == "HEAD" else None)
            if handler is not None:
                return handler, values
            others.update(handlers)  # a route of the same shape may have the method
        if others:
            allowed = sorted(others)
            raise MethodNotAllowedError(
                f"{method} isn't answered on {path}; {' and '.join(allowed)} is", data={"allow": allowed}
            )
        raise RouteNotFoundError(f"there is no route {method} {path}", available=self.names())

    def names(self) -> list[str]:
        """Return the routes as people write them."""
        return [f"{method} {'/'.join(pattern)}" for pattern, handlers in self._table for method in handlers]


def _match(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    values: dict[str, str] = {}
    for want, got in zip(pattern, parts, strict=True):
        if want.startswith("{"):
            if not got:
                return None
            values[want[1:-1]] = unquote(got)
        elif want != unquote(got):
            return None
    return values
