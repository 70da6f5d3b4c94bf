"""References find what is documented under its public name: signatures name the module that defines it."""

from __future__ import annotations

import importlib
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

MODULES = (
    "orbit_jupyter.joining",
    "orbit_jupyter",
    "orbit_jupyter.plugin",
    "orbit_jupyter.plugin.testing",
    "orbit_plugins.psij",
    "orbit_plugins.queue_info",
    "orbit_plugins.staging",
    "orbit_plugins.sysinfo",
)
"""Of what several have, the last is where it is documented."""


def public_names() -> dict[str, str]:
    """Return the public name of each thing, by the name it has where it is defined and by its bare name."""
    found: dict[str, str] = {}
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            thing = getattr(module, name)
            found[name] = f"{module.__name__}.{name}"
            if isinstance(thing, type):
                found[f"{thing.__module__}.{thing.__qualname__}"] = found[name]
    for error in importlib.import_module("orbit_jupyter.protocol.errors").ERRORS:
        found[error.__name__] = f"{error.__module__}.{error.__name__}"
        found[f"{error.__module__}.{error.__name__}"] = found[error.__name__]
    return found


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement) -> Any:
    """Sphinx's hook for a reference that it can't resolve by itself."""
    public = public_names().get(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or public is None:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx's hook."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
