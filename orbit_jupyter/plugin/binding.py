"""From a method's signature to a handler: each parameter is taken from the path, the query or the body."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from orbit_jupyter.protocol import InvalidFieldError, OrbitError

from .request import Request
from .route import Description, Handler, Mark, Parameter, Route, marks_of, placeholders_in
from .session import PluginSession
from .validation import convert_text, parse

Take = Callable[[Request], Any]
UseSession = Callable[[str], PluginSession]


def bind(
    method: Callable[..., Any],
    path: str,
    use_session: UseSession | None = None,
    *,
    body: Any = None,
    answer: Any = None,
    errors: tuple[type[OrbitError], ...] = (),
    media: str = "",
    stream: bool = False,
) -> tuple[Handler, Description]:
    """Return a bound method as a handler of requests, and the description of its route.

    Of its parameters

    - one of the type `Request`, or called `request`, gets the request,
    - one whose type is a `PluginSession` gets the session that ``{sid}`` in the path names,
    - one with the name of a placeholder gets that segment of the path, as its type,
    - one called `body`, or whose type is a Struct, gets the body: checked, a wrong field is answered 422; with a
      default it may be left out,
    - any other is taken from the query; with a default it may be left out.

    The session is taken first, so one that isn't there is 404 whatever else is wrong.

    `body`, `answer`, `errors` and `media` are for the description alone; see `route`. With `stream` the body is
    left in the request, to be read as it comes.

    Raises
    ------
    TypeError
        A parameter has no annotation, or one that is known to type checkers alone, or several want the body, or a
        plain function wants to read a stream.
    """
    placeholders = placeholders_in(path)
    parameters = inspect.signature(method).parameters
    hints = _hints(method, list(parameters))
    sessions: dict[str, Take] = {}
    takes: dict[str, Take] = {}
    in_path = {name: Parameter(name, str) for name in placeholders}
    in_query: list[Parameter] = []
    read: Any = None
    body_optional = False
    if stream and not inspect.iscoroutinefunction(method):
        raise TypeError(f"{method.__qualname__}: a route that reads a stream needs `async def`")
    for name, parameter in parameters.items():
        # By its name, too: what overrides one of every plugin's routes was often written without types.
        if name == "request" or hints.get(name) is Request:
            takes[name] = _whole
            continue
        if name not in hints:
            raise TypeError(f"{method.__qualname__}: the parameter {name} needs a type")
        kind = hints[name]
        if _is_session(kind):
            sessions[name] = _session_taker(method, placeholders, use_session)
        elif name in in_path:
            in_path[name] = Parameter(name, kind)
            takes[name] = _path_taker(name, kind)
        elif name == "body" or _is_struct(kind):
            if read is not None:
                raise TypeError(f"{method.__qualname__}: several parameters want the body")
            read = kind
            body_optional = parameter.default is not inspect.Parameter.empty
            takes[name] = _body_taker(kind, parameter.default)
        else:
            required = parameter.default is inspect.Parameter.empty
            wanted = Parameter(name, kind, required, None if required else parameter.default)
            in_query.append(wanted)
            takes[name] = _query_taker(wanted)
    text = inspect.getdoc(method) or ""
    returned = hints.get("return") if answer is None else answer
    about = Description(
        summary=text.partition("\n")[0],
        text=text,
        path=tuple(in_path.values()),
        query=tuple(in_query),
        body=read if body is None else body,
        answer=None if returned in (None, type(None), Any) else returned,
        errors=tuple(errors),
        media=media,
        body_optional=body_optional,
    )
    return _handler(method, {**sessions, **takes}), about


def bound(mark: Mark, method: Callable[..., Any], use_session: UseSession | None = None) -> Route:
    """Return the route of a marked method, which is bound to its object; see `bind` for errors."""
    handler, about = bind(
        method,
        mark.path,
        use_session,
        body=mark.body,
        answer=mark.answer,
        errors=mark.errors,
        media=mark.media,
        stream=mark.stream,
    )
    return Route(mark.method, mark.path, handler, about, mark.action, mark.stream)


def routes_of(group: object) -> list[Route]:
    """Return the routes of any object that has marked methods."""
    return [bound(mark, getattr(group, name)) for name, mark in marks_of(type(group))]


def _hints(method: Callable[..., Any], parameters: list[str]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(method, include_extras=True)
    except NameError as error:
        if parameters == ["request"]:
            return {}  # it is known by its name
        raise TypeError(
            f"{method.__qualname__}: its annotations name {error.name!r}, which isn't there at run time; "
            "import it outside of `if TYPE_CHECKING:`, since the route is made from its types"
        ) from error


def _handler(method: Callable[..., Any], takes: dict[str, Take]) -> Handler:
    if inspect.iscoroutinefunction(method):

        async def run(request: Request) -> Any:
            return await method(**{name: take(request) for name, take in takes.items()})

        return run

    def run_in_thread(request: Request) -> Any:
        return method(**{name: take(request) for name, take in takes.items()})

    return run_in_thread


def _whole(request: Request) -> Request:
    return request


def _session_taker(method: Callable[..., Any], placeholders: list[str], use_session: UseSession | None) -> Take:
    if "sid" not in placeholders or use_session is None:
        raise TypeError(f"{method.__qualname__}: a session needs {{sid}} in the route's path")
    use = use_session
    return lambda request: use(request.path_params["sid"])


def _path_taker(name: str, kind: Any) -> Take:
    return lambda request: convert_text(request.path_params[name], kind, name)


def _body_taker(kind: Any, default: Any) -> Take:
    def take(request: Request) -> Any:
        if not request.content and default is not inspect.Parameter.empty:
            return default
        return request.content if kind is bytes else parse(request.data, kind)

    return take


def _query_taker(wanted: Parameter) -> Take:
    many = not {list, tuple, set, frozenset}.isdisjoint(_classes(wanted.type))

    def take(request: Request) -> Any:
        given = request.query_values(wanted.name)
        if given:
            try:
                return convert_text(given if many else given[-1], wanted.type, wanted.name)
            except InvalidFieldError:
                # A form sends a field that nobody has filled in as an empty text.
                if wanted.required or given[-1]:
                    raise
                return wanted.default
        if wanted.required:
            raise InvalidFieldError(f"{wanted.name}: is missing in the query", field=wanted.name)
        return wanted.default

    return take


def _is_session(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, PluginSession)


def _is_struct(kind: Any) -> bool:
    return any(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in _classes(kind))


def _classes(kind: Any) -> Iterator[Any]:
    """Yield what an annotation allows: ``Annotated[list[str], …] | None`` is a list or None."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from _classes(kind.__origin__)
    elif origin in (typing.Union, types.UnionType):
        for one in typing.get_args(kind):
            yield from _classes(one)
    else:
        yield origin or kind
