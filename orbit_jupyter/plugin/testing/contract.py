"""What every plugin must do: each check takes a plugin class, runs it in a star and raises `AssertionError`."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import msgspec

from orbit_jupyter.protocol import NAME, OrbitError, SessionExpiredError, SessionNotFoundError

from ..answers import Health, Page
from ..app import App, AppState
from ..client import PluginClient
from ..plugin import Plugin
from ..route import Route
from ..ui import ui_config_to_dict
from .star import StarClient, star

Check = Callable[[type[Plugin]], None]

ROLES = ("bridge", "login", "compute", "standalone")
GARBAGE: tuple[Any, ...] = ([], "text", 7, None, {"no such field of anyone": [{}]})
"""Bodies that no route expects."""

GARBAGE_TEXT = "\0garbage"
"""A value in a query that no route expects, neither a number nor a name, and no path either."""


def names_and_types_are_well_formed(plugin: type[Plugin]) -> None:
    """Name and version can stand in routes and lists; the classes are of the right kind."""
    assert NAME.fullmatch(plugin.plugin_name), f"plugin_name {plugin.plugin_name!r} can't stand in a route"
    assert isinstance(plugin.version, str), "version must be a str"
    assert plugin.version, "version must not be empty"
    assert plugin.session_ttl >= 0, "session_ttl is in seconds; 0 means never"
    assert plugin.isolation in ("none", "process"), f"isolation {plugin.isolation!r}"
    client = plugin.client_class
    assert client is None or issubclass(client, PluginClient), f"client_class {client} is no PluginClient"


def every_role_can_be_asked(plugin: type[Plugin]) -> None:
    """`is_enabled` answers for every role, without an error."""
    for role in ROLES:
        enabled = plugin.is_enabled(App(AppState(role=role)))
        assert isinstance(enabled, bool), f"is_enabled says {enabled!r} on a host of role {role}"


def base_routes_answer(plugin: type[Plugin]) -> None:
    """The routes that every plugin has answer what their names promise."""
    with star(plugin) as endpoint:
        base = f"/{plugin.plugin_name}"
        _answers(endpoint, f"{base}/version", {"version": plugin.version})
        _answers(endpoint, f"{base}/list_sessions", {"sessions": []})
        for route, keys in (("health", Health), ("ui_config", Page)):
            missing = keys.__annotations__.keys() - endpoint.call("GET", f"{base}/{route}").keys()
            assert not missing, f"the answer of {route} lacks {sorted(missing)}"


def sessions_begin_end_and_expire(plugin: type[Plugin]) -> None:
    """A session is listed until it is unregistered; one that lay idle is told from one that never was."""
    if plugin.session_class is None:
        return
    with star(plugin) as endpoint:
        base = f"/{plugin.plugin_name}"
        sid = endpoint.call("POST", f"{base}/register_session")["sid"]
        _answers(endpoint, f"{base}/list_sessions", {"sessions": [sid]})
        endpoint.call("POST", f"{base}/unregister_session/{sid}")
        _answers(endpoint, f"{base}/list_sessions", {"sessions": []})
        _refused(endpoint, f"{base}/unregister_session/{sid}", SessionNotFoundError)
        idle = endpoint.call("POST", f"{base}/register_session")["sid"]
        table = endpoint.plugin(plugin.plugin_name)._sessions
        if table.ttl > 0:
            endpoint.star.state.listeners = frozenset()
            clock = table._clock
            table._clock = lambda: clock() + table.ttl + 1
            endpoint.run(endpoint.plugin(plugin.plugin_name).sweep())
            _refused(endpoint, f"{base}/unregister_session/{idle}", SessionExpiredError)
            _answers(endpoint, f"{base}/list_sessions", {"sessions": []})


def unknown_sessions_are_refused_everywhere(plugin: type[Plugin]) -> None:
    """Each route with ``{sid}`` answers 404 for a session that there isn't.

    One that may look at its body or its query first, and miss something there, may answer 422.
    """
    if plugin.session_class is None:
        return
    with star(plugin) as endpoint:
        for route in endpoint.plugin(plugin.plugin_name).routes:
            if "{sid}" not in route.path:
                continue
            path = f"/{plugin.plugin_name}/{route.path}"
            allowed = (404, 422) if _may_miss_something(route) else (404,)
            status, text = _status(endpoint, route.method, _filled(path, sid="session.none"), {})
            assert status in allowed, f"{route.method} {path} answers {status} for an unknown session: {text}"


def garbage_is_the_callers_mistake(plugin: type[Plugin]) -> None:
    """No body of a wrong shape and no query of a wrong type is answered with 500."""
    with star(plugin) as endpoint:
        base = f"/{plugin.plugin_name}"
        sid = "session.none"
        if plugin.session_class is not None:
            sid = endpoint.call("POST", f"{base}/register_session")["sid"]
        for route in endpoint.plugin(plugin.plugin_name).routes:
            if route.path == "unregister_session/{sid}":
                continue
            query = {one.name: GARBAGE_TEXT for one in route.about.query} if route.about else {}
            tries: list[tuple[Any, dict[str, str]]] = (
                [(body, {}) for body in GARBAGE] if route.method != "GET" else []
            )
            # All at once, and one by one: the first that is refused hides what the others would do.
            tries += [(None, one) for one in (query, *({name: text} for name, text in query.items())) if one]
            for body, params in tries:
                path = f"{base}/{route.path}"
                status, text = _status(endpoint, route.method, _filled(path, sid=sid), body, params)
                sent = f"?{urlencode(params)}" if params else repr(body)
                assert status < 500 or status == 501, f"{route.method} {path} answers {status} to {sent}: {text}"


def page_fits_its_routes(plugin: type[Plugin]) -> None:
    """`ui_config` fits its schema, and each route that it names is one that the plugin has."""
    ui = ui_config_to_dict(plugin.ui_config)
    with star(plugin) as endpoint:
        known = {path.partition(f"/{plugin.plugin_name}/")[2] for _, path in _routes(endpoint, plugin)}
    for key, wanted in _named_routes(ui):
        if wanted.partition("?")[0].strip("/") not in known:
            raise AssertionError(f"ui_config names the route {wanted!r} as {key}; the plugin has {sorted(known)}")


def routes_describe_themselves(plugin: type[Plugin]) -> None:
    """The OpenAPI document has every route once, and no reference that leads nowhere."""
    with star(plugin) as endpoint:
        doc = endpoint.call("GET", f"/{plugin.plugin_name}/openapi.json")
        routes = endpoint.plugin(plugin.plugin_name).routes
        served = {(route.method, route.path.replace(":path}", "}")) for route in routes}  # as OpenAPI writes it
    described = {
        (method.upper(), path.partition(f"/{plugin.plugin_name}/")[2])
        for path, methods in doc["paths"].items()
        for method in methods
    }
    assert described == served, f"described and served differ in {described ^ served}"
    for reference in re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', msgspec.json.encode(doc).decode()):
        assert reference in doc["components"]["schemas"], f"{reference} is referred to and not there"


def two_endpoints_do_not_disturb_each_other(plugin: type[Plugin]) -> None:
    """Nothing is kept in the class or the module: a second one has sessions of its own."""
    if plugin.session_class is None:
        return
    with star(plugin, name="one") as one, star(plugin, name="two") as two:
        path = f"/{plugin.plugin_name}"
        sid = one.call("POST", f"{path}/register_session")["sid"]
        _answers(two, f"{path}/list_sessions", {"sessions": []})
        _refused(two, f"{path}/unregister_session/{sid}", SessionNotFoundError)


def nothing_is_left_running(plugin: type[Plugin]) -> None:
    """After `close` there is no thread and no task that wasn't there before."""
    with star() as empty:
        tasks = len(empty.run(_tasks()))
    threads = set(threading.enumerate())
    with star(plugin) as endpoint:
        if plugin.session_class is not None:
            endpoint.call("POST", f"/{plugin.plugin_name}/register_session")
    for thread in set(threading.enumerate()) - threads:
        if not thread.name.startswith("asyncio_"):  # the loop's own threads stay for the next star
            thread.join(5)
            assert not thread.is_alive(), f"thread {thread.name} is left behind"
    with star() as empty:
        left = empty.run(_tasks())
    assert len(left) <= tasks, f"tasks are left behind: {left}"


CONTRACT: tuple[Check, ...] = (
    names_and_types_are_well_formed,
    every_role_can_be_asked,
    base_routes_answer,
    sessions_begin_end_and_expire,
    unknown_sessions_are_refused_everywhere,
    garbage_is_the_callers_mistake,
    page_fits_its_routes,
    routes_describe_themselves,
    two_endpoints_do_not_disturb_each_other,
    nothing_is_left_running,
)
"""All checks, for ``pytest.mark.parametrize``."""


async def _tasks() -> list[str]:
    return [repr(task) for task in asyncio.all_tasks()]


def _routes(endpoint: StarClient, plugin: type[Plugin]) -> list[tuple[str, str]]:
    routes = endpoint.plugin(plugin.plugin_name).routes
    return [(route.method, f"/{plugin.plugin_name}/{route.path}") for route in routes]


def _filled(path: str, sid: str) -> str:
    return re.sub(r"\{[^}]+\}", "0", path.replace("{sid}", sid))


def _may_miss_something(route: Route) -> bool:
    about = route.about
    if about is None:  # its handler looks for itself
        return route.method != "GET"
    return about.body is not None or any(one.required for one in about.query)


def _status(
    endpoint: StarClient, method: str, path: str, body: Any, params: dict[str, Any] | None = None
) -> tuple[int, str]:
    try:
        endpoint.call(method, path, body, params=params, timeout=30)
    except OrbitError as error:
        return error.status, error.message
    return 200, ""


def _answers(endpoint: StarClient, path: str, wanted: dict[str, Any]) -> None:
    got = endpoint.call("GET", path)
    assert got == wanted, f"GET {path} on {endpoint.endpoint_id} answers {got}, not {wanted}"


def _refused(endpoint: StarClient, path: str, kind: type[OrbitError]) -> None:
    try:
        endpoint.call("POST", path)
    except kind:
        return
    except OrbitError as error:
        raise AssertionError(f"POST {path} is refused with {error.code}, not {kind.code}") from error
    raise AssertionError(f"POST {path} is answered; it should be refused with {kind.code}")


def _named_routes(part: Any) -> Iterator[tuple[str, str]]:
    """Yield what a page names as a route."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("auto_load", "endpoint", "options_endpoint") and value:
                yield key, value
            else:
                yield from _named_routes(value)
    elif isinstance(part, list):
        for value in part:
            yield from _named_routes(value)
