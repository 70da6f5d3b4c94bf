"""Command lines and URLs of the pages: what they name is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from pages import ROOT, blocks

from orbit_jupyter.endpoint.command import parser
from orbit_jupyter.host import load_plugin_class
from orbit_jupyter.plugin import Plugin
from orbit_jupyter.plugin.testing import star
from orbit_jupyter.verbs import grammar, parse

PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("[CR]*.md"), *ROOT.glob("docs/**/*.md")))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the command lines of all pages, each with its place."""
    for page in PAGES:
        for block in blocks(page):
            if block.language == "sh":
                for line in block.code.replace("\\\n", " ").splitlines():
                    yield f"{page}:{block.line}", shlex.split(line, comments=True)


def test_orbit_endpoint_takes_what_the_pages_give_it() -> None:
    lines = [words for _, words in commands() if words[:1] == ["orbit-endpoint"]]
    assert lines
    for words in lines:
        parser().parse_args(words[1:])


def test_the_verbs_take_what_the_pages_give_them() -> None:
    lines = [words[2:] for _, words in commands() if words[:2] == ["jupyter", "orbit"]]
    verbs = [words for words in lines if words and not words[0].startswith("-")]
    assert verbs
    for words in verbs:
        parse(grammar("jupyter orbit"), words)


def test_make_has_the_verbs_that_the_pages_name() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for _, words in commands() if words[:1] == ["make"] for word in words[1:] if "=" not in word}
    assert named
    assert named <= targets


def test_every_url_that_curl_is_given_is_a_route(page_plugins: dict[str, type[Plugin]]) -> None:
    called = [
        (place, urlsplit(word).path.partition("/orbit")[2])
        for place, words in commands()
        if words[:1] == ["curl"]
        for word in words
        if word.startswith("http://localhost:8888/orbit")
    ]
    assert called
    own = (load_plugin_class(name) for name in ("psij", "queue_info", "staging", "sysinfo"))
    with star(*own, *page_plugins.values(), name="hpc1") as hpc:
        paths = hpc.bridge.call("GET", "/openapi.json")["paths"]
    # A route's last placeholder that is called path takes the rest, slashes included.
    patterns = [re.sub(r"\\\{path\\\}$", ".+", re.escape(path)) for path in paths]
    routes = [re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", pattern)) for pattern in patterns]
    for place, path in called:
        assert any(route.fullmatch(path) for route in routes), f"{place}: there is no route {path}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}"
