"""``GET /orbit/``: the Explorer page, and the files that it is made of."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.escape import xhtml_escape

from orbit_jupyter.protocol import ResourceNotFoundError

from .base import OrbitMixin

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orbit</title>
<base href="{base}">
<link rel="stylesheet" href="static/explorer-style.css">
<script type="module" src="static/explorer.js"></script>
<body><noscript>This page needs JavaScript; in a terminal there is <code>jupyter orbit</code>.</noscript>{missing}
"""

_MISSING = """<p>The Explorer isn't built here: Orbit was installed from its sources with
<code>ORBIT_SKIP_JS=1</code>. Install it again without that.</p>"""

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
)


class PageHandler(OrbitMixin, JupyterHandler):
    """The page; all it shows comes over its WebSocket."""

    @web.authenticated
    async def get(self) -> None:
        self.require(await self.principal(), "read")
        self.orbit.hub.first_use()
        self.xsrf_token  # noqa: B018 - reading it sets the cookie that later requests of this browser need
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        missing = "" if _files() else _MISSING
        self.finish(_PAGE.format(base=xhtml_escape(self.orbit.base_path), missing=missing))

    @property
    def content_security_policy(self) -> str:
        """Nothing but the page's own files and the bridge."""
        return _STRICT


class StaticHandler(OrbitMixin, JupyterHandler):
    """The renderer's files, which come with the package."""

    @web.authenticated
    async def get(self, name: str) -> None:
        self.require(await self.principal(), "read")
        file = _files().get(name)
        if file is None:
            raise ResourceNotFoundError(f"there is no file {name!r} of the renderer")
        body = file.read_bytes()
        self.set_header("Content-Type", _TYPES[file.suffix])
        self.set_header("X-Content-Type-Options", "nosniff")
        # Asked for anew each time, answered with 304 where it hasn't changed.
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Etag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')
        if self.check_etag_header():
            self.set_status(304)
            self.finish()
        else:
            self.finish(body)


@cache
def _folder() -> Path | None:
    # By its place alone: the package with the widgets isn't for this process.
    found = find_spec("orbit_jupyter_widgets")
    return Path(found.origin).parent / "static" if found is not None and found.origin else None


def _files() -> dict[str, Path]:
    folder = _folder()
    if folder is None or not folder.is_dir():
        return {}
    return {file.name: file for file in folder.iterdir() if file.suffix in _TYPES}
