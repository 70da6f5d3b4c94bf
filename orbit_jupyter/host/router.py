"""From a path to a handler and its parameters. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from orbit_jupyter.plugin import Route
from orbit_jupyter.protocol import MethodNotAllowedError, RouteNotFoundError

REST = ":path}"
"""How a last placeholder ends that takes the rest of the path, slashes included: ``files/{name:path}``."""


class Router:
    """The routes of one plugin.

    Parameters
    ----------
    routes
        A later one with the same method and path replaces an earlier one, so that plugins can override.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        table: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in routes:
            table.setdefault(tuple(route.path.split("/")), {})[route.method] = route
        # Fixed segments are tried before placeholders, and what takes the whole rest of a path last.
        self._table = sorted(table.items(), key=lambda item: [_rank(part) for part in item[0]])
        self._fixed = {
            (method, "/".join(pattern)): route
            for pattern, routes in table.items()
            if not any(_rank(part) for part in pattern)
            for method, route in routes.items()
        }

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route and the percent-decoded values of its placeholders.

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
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
        parts = path.strip("/").split("/")
        others: set[str] = set()
        for pattern, routes in self._table:
            values = _match(pattern, parts)
            if values is None:
                continue
            route = routes.get(method) or (routes.get("GET") if method == "HEAD" else None)
            if route is not None:
                return route, values
            others.update(routes)  # a route of the same shape may have the method
        if others:
            allowed = sorted(others)
            raise MethodNotAllowedError(
                f"{method} isn't answered on {path}; {' and '.join(allowed)} is", data={"allow": allowed}
            )
        raise RouteNotFoundError(f"there is no route {method} {path}", available=self.names())

    def names(self) -> list[str]:
        """Return the routes as people write them."""
        return [f"{method} {'/'.join(pattern)}" for pattern, routes in self._table for method in routes]


def _rank(part: str) -> int:
    return 2 if part.endswith(REST) else int(part.startswith("{"))


def _match(pattern: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    values: dict[str, str] = {}
    if pattern[-1].endswith(REST):
        last = len(pattern) - 1
        rest = parts[last:]
        if not any(rest):
            return None
        values[pattern[-1][1 : -len(REST)]] = "/".join(unquote(part) for part in rest)
        pattern, parts = pattern[:last], parts[:last]
    if len(pattern) != len(parts):
        return None
    for want, got in zip(pattern, parts, strict=True):
        if want.startswith("{"):
            if not got:
                return None
            values[want[1:-1]] = unquote(got)
        elif want != unquote(got):
            return None
    return values
