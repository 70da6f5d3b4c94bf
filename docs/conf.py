"""How Sphinx builds these pages: `make docs`. Warnings are errors, references that lead nowhere among them."""

from __future__ import annotations

import sys
from pathlib import Path

from orbit_jupyter import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Orbit for Jupyter"
author = "The Orbit for Jupyter authors"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "public_names",  # this and the next are in _ext
    "rest_reference",
]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = f"{project} {release}"

myst_heading_anchors = 3
# Footnotes, tables and links as GitHub has them; nothing that a plain git host would show as noise.
myst_enable_extensions = ["strikethrough"]
copybutton_exclude = ".linenos, .gp, .go"

napoleon_google_docstring = False
napoleon_use_rtype = False
# `Attributes` as plain fields: many of them are documented where they are declared, too.
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# A name in single backquotes is the project's way to name anything: a class, a parameter, a word of a protocol.
default_role = "code"
python_use_unqualified_type_names = True

nitpicky = True
# Without intersphinx, which would fetch from the network, what isn't on a page of ours can't be resolved.
nitpick_ignore_regex = [
    # other projects' types in signatures
    ("py:class", r"(asyncio|collections|concurrent|httpx|msgspec|os|pathlib|threading|types|typing)\..*"),
    ("py:obj", r"typing\.Literal.*"),
    # type variables
    ("py:class", r".*\.[TPF]"),
    # what the layers below hand to the public classes: nobody outside makes one
    ("py:class", r"orbit_jupyter\.protocol\.frames\..*"),
    ("py:class", r"orbit_jupyter\.link\.(link\.Link|streams\.Inflow|transport\.Transport)"),
    ("py:class", r"orbit_jupyter\.plugin\.client\.(AsyncCaller|Caller|Callbacks)"),
    ("py:class", r"orbit_jupyter\.plugin\.managed\.(NoSettings|NewInstance|Instances?)"),
    ("py:class", r"orbit_jupyter\.plugin\.route\.Description"),
    ("py:class", r"orbit_jupyter\.host\.plugin_host\.PluginHost"),
    ("py:class", r"orbit_jupyter\.plugin\.testing\.star\._MemoryBridgeClient"),
    ("py:class", r"orbit_plugins\.psij\.job\.JobCaller"),
]
