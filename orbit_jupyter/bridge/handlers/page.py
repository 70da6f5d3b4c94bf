"""``GET /orbit/``: the endpoints as a plain page."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from ..registry import Entry
from .base import OrbitMixin

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.2rem; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
th { font-size: .75rem; text-transform: uppercase; letter-spacing: .05em; opacity: .7; }
code { font-size: .9em; } .present::before { content: "● "; color: #188038; }
.suspect::before { content: "◌ "; color: #b06000; } .reason { opacity: .75; font-size: .9em; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } }
"""


class PageHandler(OrbitMixin, JupyterHandler):
    """A page without a script: it shows what there is now."""

    @web.authenticated
    async def get(self) -> None:
        self.require(await self.principal(), "read")
        self.orbit.hub.first_use()
        self.xsrf_token  # noqa: B018 - reading it sets the cookie that later requests of this browser need
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Cache-Control", "no-cache")
        rows = "".join(_row(entry) for entry in self.orbit.hub.registry) or _EMPTY
        self.finish(
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
            f"<title>Orbit</title><style>{_STYLE}</style><h1>Orbit: endpoints of this bridge</h1>"
            "<table><tr><th>Endpoint<th>State<th>Host<th>Plugins<th>Connected since</tr>"
            f"{rows}</table><p>Join one from another machine: <code>orbit-endpoint --name NAME --url "
            f"{escape(self.orbit.hub.url)}</code> with a token of <code>jupyter orbit token create NAME</code></p>"
        )

    @property
    def content_security_policy(self) -> str:
        """Nothing but the page's own style."""
        return "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"


_EMPTY = "<tr><td colspan=5>No endpoint is connected yet.</tr>"


def _row(entry: Entry) -> str:
    facts = entry.hello.host
    since = datetime.fromtimestamp(entry.since, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    plugins = "<br>".join(
        f"<code>{escape(name)}</code>"
        if info.enabled
        else f"<code>{escape(name)}</code> <span class=reason>not loaded: {escape(info.error or '')}</span>"
        for name, info in entry.plugins.items()
    )
    return (
        f"<tr><td><b>{escape(entry.name)}</b><td class={escape(entry.state)}>{escape(entry.state)}"
        f"<td>{escape(facts.user)}@{escape(facts.hostname)}<br>{escape(facts.role)}<td>{plugins}<td>{since}</tr>"
    )
