"""Routes: a method, a path and a handler, and what is known about them for whoever calls.

A plugin has them in two forms. `Plugin.add_route_get` takes a handler of one `Request`, as radical.orbit has it.
The decorator takes any method of the plugin, whose signature says what it wants and what it answers:

>>> class Weather(Plugin):                                          # doctest: +SKIP
...     @route.get("forecast/{city}")
...     async def forecast(self, city: str, days: int = 3) -> Forecast: ...
...     @route.post("observe/{sid}")
...     def observe(self, session: WeatherSession, body: Observation) -> Stored: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from orbit_jupyter.protocol import OrbitError

from .request import Request

Handler = Callable[[Request], Any]
"""Coroutine function, or a plain one, which runs in a worker thread."""

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__orbit_routes__"


@dataclass(frozen=True)
class Parameter:
    """One value of a route's path or query."""

    name: str
    type: Any
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Description:
    """What a route takes and answers.

    Attributes
    ----------
    summary, text
        The first line of the handler's docstring, and all of it.
    path, query
        The values in each.
    body, answer
        Their types; None: none that is known. That of the body describes what may be sent, and need not be the one
        that it is read as.
    body_optional
        Whether the handler has a default for it.
    media
        Content type of an answer that isn't JSON.
    errors
        What it raises on purpose.
    """

    summary: str = ""
    text: str = ""
    path: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: Any = None
    answer: Any = None
    errors: tuple[type[OrbitError], ...] = ()
    media: str = ""
    body_optional: bool = False


@dataclass(frozen=True)
class Route:
    """A route: ``submit/{sid}``, each placeholder one segment; a last one may take the rest: ``{name:path}``.

    Attributes
    ----------
    about
        None for a handler that takes a `Request` and doesn't say more.
    action
        Jupyter's action that the bridge asks for on a route of its own; None: `read` for GET, else `execute`.
    stream
        Whether its handler reads the body as it comes; else it is put together first, up to `MAX_BODY`.
    """

    method: str
    path: str
    handler: Handler
    about: Description | None = None
    action: str | None = None
    stream: bool = False


@dataclass(frozen=True)
class Mark:
    """What the decorator notes on a method."""

    method: str
    path: str
    body: Any
    answer: Any
    errors: tuple[type[OrbitError], ...]
    action: str | None
    media: str
    stream: bool = False


def placeholders_in(path: str) -> list[str]:
    """Return the names of the placeholders in a route's path."""
    return [part[1:-1].partition(":")[0] for part in path.split("/") if part.startswith("{")]


class _RouteDecorator:
    """``@route.get(path)`` and its like; the handler's signature is read when the plugin is made."""

    def __call__(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        answer: Any = None,
        errors: tuple[type[OrbitError], ...] = (),
        action: str | None = None,
        media: str = "",
        stream: bool = False,
    ) -> Callable[[F], F]:
        """Make a method the handler of a route.

        Parameters
        ----------
        method
            HTTP method.
        path
            Under the plugin's namespace; ``{name}`` is one segment, and the parameter of that name its value.
        body
            Type that describes the body, where that isn't the type that the handler reads it as.
        answer
            Type of what it returns; None: what its annotation says.
        errors
            What it raises on purpose, for the description of the route.
        action
            See `Route`.
        media
            Content type of an answer that isn't JSON.
        stream
            Whether the handler, a coroutine function, reads the body as it comes: ``async for piece in
            request.stream()``. Else it is put together first.
        """
        mark = Mark(method.upper(), path.strip("/"), body, answer, errors, action, media, stream)

        def note(handler: F) -> F:
            setattr(handler, _MARK, (*getattr(handler, _MARK, ()), mark))
            return handler

        return note

    def get(self, path: str, **more: Any) -> Callable[[F], F]:
        """Make a method the handler of a GET route; see `route`."""
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> Callable[[F], F]:
        """Make a method the handler of a POST route; see `route`."""
        return self("POST", path, **more)

    def put(self, path: str, **more: Any) -> Callable[[F], F]:
        """Make a method the handler of a PUT route; see `route`."""
        return self("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> Callable[[F], F]:
        """Make a method the handler of a PATCH route; see `route`."""
        return self("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Callable[[F], F]:
        """Make a method the handler of a DELETE route; see `route`."""
        return self("DELETE", path, **more)


route = _RouteDecorator()


def marks_of(cls: type) -> Iterator[tuple[str, Mark]]:
    """Yield the marked methods of a class by name, those of its bases first.

    A method that a subclass overrides keeps the routes of the one that it overrides, so it need not repeat them.
    """
    found: dict[tuple[str, Mark], None] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            found.update(dict.fromkeys((name, mark) for mark in getattr(value, _MARK, ())))
    yield from found
