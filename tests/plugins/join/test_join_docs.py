"""The page for users, held against the code."""

from __future__ import annotations

import re
from typing import get_args

import msgspec
from pages import ROOT

from orbit_jupyter.plugin import Plugin
from orbit_jupyter.plugin.testing import StarClient
from orbit_plugins.join.answers import QuestionKind, State
from orbit_plugins.join.bodies import Bridge, Leave, Reply, Start

TEXT = (ROOT / "docs/plugins/join.md").read_text(encoding="utf-8")


def test_page_has_each_route_and_each_field(local: StarClient) -> None:
    handle = local.plugin("join")
    every_plugin_s = {route.path for route in Plugin(handle._app).routes}
    own = {f"{one.method} {one.path}" for one in handle.routes if one.path not in every_plugin_s}
    assert set(re.findall(r"^\| `((?:GET|POST) [^`]+)`", TEXT, re.MULTILINE)) == own
    for struct in (Start, Leave, Reply, Bridge):
        for field in msgspec.structs.fields(struct):
            assert f'"{field.name}"' in TEXT, field.name


def test_page_has_each_state_and_kind() -> None:
    for word in (*get_args(State), *get_args(QuestionKind)):
        assert f"`{word}`" in TEXT
