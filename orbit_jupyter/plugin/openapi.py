"""Routes as an OpenAPI 3.1 document: https://spec.openapis.org/oas/v3.1.0.

Types become JSON Schema by msgspec; a handler that takes a `Request` has none and is described by its path alone.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from orbit_jupyter.protocol import (
    BadRequestError,
    DeadlineError,
    EndpointDisconnectedError,
    ForbiddenError,
    InvalidFieldError,
    NotFoundError,
    OrbitError,
    SessionExpiredError,
    TooLargeError,
)

from .route import Description, Parameter, Route, placeholders_in

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "error": {"type": ["boolean", "string"]},
        "status_code": {"type": "integer"},
        "code": {"type": "string", "description": "Which error of Orbit's it is."},
        "detail": {"type": "string", "description": "What happened, to what, and what to do."},
        "transient": {"type": "boolean", "description": "Whether trying the same again can help."},
        "field": {"type": ["string", "null"], "description": "Which field of the request is wrong."},
    },
}
"""The one error body, as `protocol.faults.error_body` makes it."""

# Who isn't logged in gets 403 from Jupyter, too.
EVERYWHERE: tuple[type[OrbitError], ...] = (ForbiddenError,)
AT_ENDPOINTS: tuple[type[OrbitError], ...] = (
    NotFoundError,
    TooLargeError,
    EndpointDisconnectedError,
    DeadlineError,
)

_NOT_FOR_COMPONENTS = re.compile(r"[^A-Za-z0-9._-]")


def document(title: str, version: str, description: str = "", server: str = "") -> dict[str, Any]:
    """Return a document without routes yet; `add_routes` adds them."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        **({"servers": [{"url": server}]} if server else {}),
        "security": [{"token": []}],
        "paths": {},
        "components": {
            "schemas": {"Error": ERROR_SCHEMA},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token TOKEN`, with the Jupyter server's token",
                }
            },
        },
    }


def add_routes(
    doc: dict[str, Any],
    routes: Sequence[Route],
    *,
    prefix: str = "",
    tag: str = "",
    errors: Iterable[type[OrbitError]] = AT_ENDPOINTS,
) -> None:
    """Add routes to a document; of two with the same method and path the later counts, as in a router.

    Parameters
    ----------
    doc
        Is changed.
    routes
        What to add.
    prefix
        In front of each path, such as ``/{endpoint}/{plugin}``; makes the names of schemas unique, too.
    tag
        Under which people find them.
    errors
        What any of these routes may answer with, besides what each says of itself.
    """
    space = _NOT_FOR_COMPONENTS.sub("_", prefix.strip("/").replace("/", ".")) + "." if prefix else ""
    types = [one for entry in routes for one in _bodies(entry)]
    types += [given.type for entry in routes if entry.about for given in (*entry.about.path, *entry.about.query)]
    template = f"#/components/schemas/{space}{{name}}"
    try:
        schemas, components = _schemas(types, template)
    except Exception:  # whatever a foreign type raises, it costs its own schema and not the document
        types = [one for one in types if _has_schema(one)]
        schemas, components = _schemas(types, template)
    for name, shape in components.items():
        if "description" in shape:  # a docstring as it stands in its file, indented
            shape["description"] = inspect.cleandoc(shape["description"])
        doc["components"]["schemas"][f"{space}{name}"] = shape
    known = [(one, shape) for one, shape in zip(types, schemas, strict=True)]

    def schema(wanted: Any) -> dict[str, Any]:
        return dict(next((shape for one, shape in known if one is wanted), {}))

    for entry in routes:
        operation = _operation(entry, tuple(errors), schema)
        path = f"{prefix}/{entry.path}".replace(":path}", "}")
        operation["operationId"] = _NOT_FOR_COMPONENTS.sub("_", f"{entry.method.lower()}_{path}")
        if tag:
            operation["tags"] = [tag]
        doc["paths"].setdefault(path, {})[entry.method.lower()] = operation


def _schemas(types: list[Any], template: str) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    return msgspec.json.schema_components(types, schema_hook=_any_json, ref_template=template)


def _any_json(kind: Any) -> dict[str, Any]:
    """Describe a type that msgspec doesn't know, such as a path: anything, since an empty schema isn't taken."""
    return {"title": getattr(kind, "__name__", str(kind))}


def _has_schema(kind: Any) -> bool:
    try:
        _schemas([kind], "{name}")
    except Exception:  # as above
        return False
    return True


def _operation(entry: Route, errors: tuple[type[OrbitError], ...], schema: Any) -> dict[str, Any]:
    about = entry.about or Description(path=_placeholders(entry.path))
    operation: dict[str, Any] = {
        **({"summary": about.summary} if about.summary else {}),
        **({"description": about.text} if about.text != about.summary else {}),
        "responses": {"200": _answer(about, schema)},
    }
    taken = [_parameter(given, "path", schema if entry.about else None) for given in about.path]
    taken += [_parameter(given, "query", schema) for given in about.query]
    if taken:
        operation["parameters"] = taken
    if entry.about is None:
        if entry.method not in ("GET", "HEAD"):
            operation["requestBody"] = _body({})
        operation["responses"]["4XX"] = _ERROR
    elif about.body is bytes or entry.stream:
        operation["requestBody"] = {
            **({} if about.body_optional else {"required": True}),
            "content": {"application/octet-stream": {}},
        }
    elif about.body is not None:
        required = {"required": True} if _body_required(about) else {}
        operation["requestBody"] = {**required, **_body(schema(about.body))}
    for error in {*EVERYWHERE, *errors, *about.errors, *_of_input(about)}:
        operation["responses"][str(error.default_status)] = _ERROR
    operation["responses"] = dict(sorted(operation["responses"].items()))
    return operation


def _bodies(entry: Route) -> list[Any]:
    """Return the types of a route's bodies that are JSON."""
    if entry.about is None:
        return []
    answer = None if entry.about.media else entry.about.answer
    return [one for one in (entry.about.body, answer) if one is not None and one is not bytes]


def _body_required(about: Description) -> bool:
    """Return whether a call without a body, which is read as ``{}``, is refused."""
    if about.body_optional:
        return False
    try:
        msgspec.convert({}, about.body)
    except msgspec.ValidationError:
        return True
    except Exception:  # a type that msgspec can't read; the handler will say
        return False
    return False


def _of_input(about: Description) -> set[type[OrbitError]]:
    found: set[type[OrbitError]] = set()
    if about.body is not None:
        found |= {BadRequestError, InvalidFieldError, TooLargeError}
    if about.query or any(given.type is not str for given in about.path):
        found |= {InvalidFieldError}
    if any(given.name == "sid" for given in about.path):
        found |= {NotFoundError, SessionExpiredError}
    return found


def _placeholders(path: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, str) for name in placeholders_in(path))


def _parameter(given: Parameter, place: str, schema: Any) -> dict[str, Any]:
    shape = schema(given.type) if schema else {"type": "string"}
    if place == "path":
        shape = {"minLength": 1, **shape} if shape.get("type") == "string" else shape
    elif not given.required and (default := _as_json(given.default)) is not None:
        shape["default"] = default
    return {"name": given.name, "in": place, "required": place == "path" or given.required, "schema": shape}


def _as_json(value: Any) -> Any:
    """Return a value as its JSON is read again; None where it has none, as a path or infinity."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def _body(shape: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": shape}}}


def _answer(about: Description, schema: Any) -> dict[str, Any]:
    if about.media:
        return {"description": "The answer.", "content": {about.media: {}}}
    if about.answer is bytes:
        return {"description": "Bytes.", "content": {"application/octet-stream": {}}}
    if about.answer is None:
        return {"description": "The answer.", "content": {"application/json": {"schema": {}}}}
    return {"description": "The answer.", **_body(schema(about.answer))}


_ERROR: dict[str, Any] = {
    "description": "Why it failed.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
