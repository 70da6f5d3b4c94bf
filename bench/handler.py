"""A server extension with one handler that does nothing, behind Jupyter's login: what HTTP costs at the least."""

from __future__ import annotations

from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web


class EmptyHandler(APIHandler):
    """``GET /bench/empty``."""

    @web.authenticated
    def get(self) -> None:
        self.finish("{}")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "bench.handler"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    path = url_path_join(server.web_app.settings["base_url"], "bench", "empty")
    server.web_app.add_handlers(".*$", [(path, EmptyHandler)])  # type: ignore[no-untyped-call]
