"""The REST reference, made from the routes themselves: what is described here is what is served.

Two directives, which `rest.md` uses:

``{orbit-routes} bridge``
    The bridge's own routes.
``{orbit-routes} PLUGIN``
    What the plugin that is installed under that name adds to the routes of every plugin.
``{orbit-routes} every-plugin``
    Those that every plugin has.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from orbit_jupyter.bridge.hub import Hub
from orbit_jupyter.bridge.own_routes import OwnRoutes
from orbit_jupyter.bridge.plugin_modules import PluginModules
from orbit_jupyter.bridge.tokens import TokenStore
from orbit_jupyter.host import load_plugin_class
from orbit_jupyter.plugin import Plugin, Route, add_routes, document
from orbit_jupyter.plugin.route import placeholders_in
from orbit_jupyter.plugin.testing import star
from orbit_jupyter.protocol import ForbiddenError, UnauthenticatedError, errors
from orbit_jupyter.protocol.errors import BY_STATUS

logging.getLogger("orbit").setLevel(logging.WARNING)  # that these endpoints come and go is no news

EVERYWHERE = {str(error.default_status) for error in (UnauthenticatedError, ForbiddenError)}
"""Said once on the page, not of each route."""


class Bare(Plugin):
    """Has the routes of every plugin and no other."""

    plugin_name = "bare-plugin-of-docs"


def bridge_routes() -> list[Route]:
    """Return the bridge's own routes."""
    return list(OwnRoutes(Hub("docs"), TokenStore(Path()), lambda: None, PluginModules()).routes)


def plugin_routes(plugin: type[Plugin]) -> list[Route]:
    """Return the routes of a plugin, which a host of its own has loaded."""
    with TemporaryDirectory() as folder, star(plugin, folder=Path(folder)) as endpoint:
        return list(endpoint.plugin(plugin.plugin_name).routes)


def added_routes(plugin: type[Plugin]) -> list[Route]:
    """Return what a plugin adds to the routes of every plugin."""
    base = {(one.method, one.path) for one in plugin_routes(Bare)}
    return [one for one in plugin_routes(plugin) if (one.method, one.path) not in base]


Section = tuple[str, list[str]]
"""A title, and lines of Markdown."""


def sections(routes: Sequence[Route], prefix: str) -> Iterator[Section]:
    """Yield a section for each route, and one for the types that these name and don't show.

    Parameters
    ----------
    routes
        Of several with the same method and path the last counts, as in a router.
    prefix
        In front of each path, such as ``/{endpoint}/psij``.
    """
    served = {(one.method, one.path.replace(":path}", "}")): one for one in routes}  # as OpenAPI writes it
    doc = document("", "")
    add_routes(doc, list(served.values()), prefix=prefix, errors=())
    shown: set[str] = set()
    for (method, path), one in served.items():
        about = doc["paths"][f"{prefix}/{path}"][method.lower()]
        yield f"{method} {prefix}/{path}", list(_route(one, about, doc, shown))
    lines: list[str] = []
    for name, shape in sorted(doc["components"]["schemas"].items()):
        if name not in shown and name != "Error" and shape.get("properties"):
            lines += [f"**`{_short(name)}`**{_sentence(shape)}", "", *_fields(shape, defaults=True)]
    if lines:
        yield "Types", lines


def _route(one: Route, about: dict[str, Any], doc: dict[str, Any], shown: set[str]) -> Iterator[str]:
    text = one.about.text if one.about else inspect.getdoc(one.handler) or ""
    text, _, raises = text.partition("\nRaises\n------\n")
    yield from (_markdown(text), "")
    rest = next((name for name in placeholders_in(one.path) if f"{{{name}:path}}" in one.path), "")
    yield from _parameters(about.get("parameters", []), rest)
    if one.stream and "requestBody" not in about:
        yield from ("Body: bytes, of any length; it is read as it comes.", "")
    for title, part in (("Body", about.get("requestBody")), ("Answer", about["responses"]["200"])):
        for kind, content in (part or {}).get("content", {}).items():
            if kind != "application/json":
                yield from (f"{title}: `{kind}`.", "")
            elif content.get("schema"):
                yield from _content(title, content["schema"], doc, shown)
    failures = [status for status in about["responses"] if status.isdecimal() and int(status) >= 400]
    if named := [shown_as for status in failures if (shown_as := _error(one, status))]:
        yield from (f"Errors: {', '.join(named)}.", "")
    yield from _raises(raises)


def _parameters(parameters: list[dict[str, Any]], rest: str) -> Iterator[str]:
    if not parameters:
        return
    yield from ("| parameter | in | type | default |", "|---|---|---|---|")
    for given in parameters:
        default = "required" if given["required"] else _default(given["schema"])
        place = "the rest of the path, slashes included" if given["name"] == rest else given["in"]
        yield f"| `{given['name']}` | {place} | {_type(given['schema'])} | {default} |"
    yield ""


def _content(title: str, schema: dict[str, Any], doc: dict[str, Any], shown: set[str]) -> Iterator[str]:
    """Yield a table of the fields where it is an object, else its type."""
    name = schema.get("$ref", "").rpartition("/")[2]
    shape = doc["components"]["schemas"][name] if name else schema
    if not shape.get("properties"):
        yield from (f"{title}: {_type(schema)}.", "")
        return
    shown.add(name)
    yield from (f"{title}:", "")
    yield from _fields(shape, defaults=title == "Body")


def _fields(shape: dict[str, Any], *, defaults: bool) -> Iterator[str]:
    required = set(shape.get("required", ()))
    defaults = defaults and required != shape["properties"].keys()
    yield from ("| field | type | default |", "|---|---|---|") if defaults else ("| field | type |", "|---|---|")
    for name, part in shape["properties"].items():
        default = f" {'required' if name in required else _default(part)} |" if defaults else ""
        yield f"| `{name}` | {_type(part)} |{default}"
    yield ""


def _type(schema: dict[str, Any]) -> str:
    """Return a JSON Schema as people read it."""
    if "$ref" in schema:
        return f"`{_short(schema['$ref'])}`"
    if "enum" in schema:
        return " or ".join(f"`{msgspec.json.encode(value).decode()}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        inner = schema["additionalProperties"]
        return f"object with values {_type(inner)}" if inner else "object"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    bounds = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    bounds += [f"at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return ", ".join([str(kind), *bounds])


def _default(schema: dict[str, Any]) -> str:
    return f"`{msgspec.json.encode(schema['default']).decode()}`" if "default" in schema else ""


def _error(one: Route, status: str) -> str:
    if status in EVERYWHERE:
        return ""
    own = {error.code for error in (one.about.errors if one.about else ()) if str(error.default_status) == status}
    codes = sorted(own) or [BY_STATUS[int(status)].code]
    return f"{status} " + " or ".join(f"`{code}`" for code in codes)


def _raises(text: str) -> Iterator[str]:
    """Yield a docstring's `Raises` as a list: what a route says of its errors."""
    for line in text.strip().splitlines():
        kind = getattr(errors, line.strip(), None)
        if kind is not None:
            yield f"- {kind.default_status} `{kind.code}`:"
        elif line.strip():
            yield f"  {_markdown(line)}"
    yield ""


def _sentence(shape: dict[str, Any]) -> str:
    return f": {_markdown(shape['description'])}" if shape.get("description") else ""


def _markdown(docstring: str) -> str:
    return docstring.replace("``", "`").strip()


def _short(reference: str) -> str:
    return reference.rpartition("/")[2].rpartition(".")[2]


class RoutesDirective(SphinxDirective):
    """``{orbit-routes} NAME``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self.env.note_reread()  # routes change without the page's text
        wanted = self.arguments[0]
        if wanted == "bridge":
            found = sections(bridge_routes(), "")
        elif wanted == "every-plugin":
            found = sections(plugin_routes(Bare), "/{endpoint}/{plugin}")
        else:
            found = sections(added_routes(load_plugin_class(wanted)), f"/{{endpoint}}/{wanted}")
        return [self._section(f"{wanted}-{title}", title, lines) for title, lines in found]

    def _section(self, name: str, title: str, lines: list[str]) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(name)])
        section += nodes.title(title, "", nodes.literal(title, title) if "/" in title else nodes.Text(title))
        self.state.nested_parse(StringList(lines, name), 0, section)
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's hook."""
    app.add_directive("orbit-routes", RoutesDirective)
    return {"parallel_read_safe": True}
