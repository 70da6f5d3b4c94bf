"""``jupyter orbit``: the bridge on its own, and ``jupyter orbit token create | list | revoke``."""

from __future__ import annotations

import contextlib
import getpass
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jupyter_core.application import JupyterApp, NoStart
from traitlets import Unicode, default

from orbit_jupyter.link import orbit_home
from orbit_jupyter.protocol import OrbitError

from .tokens import TokenStore, parse_duration

USAGE_STATUS = 2
"""Exit status for words that don't fit, as argparse has it."""


class _TokenCommand(JupyterApp):
    """What the three have in common."""

    name = "jupyter-orbit-token"
    token_folder = Unicode(help="Folder with the endpoint tokens. Empty (default): ~/.radical/orbit/tokens.").tag(
        config=True
    )
    aliases: dict[Any, Any] = {
        "token-folder": "_TokenCommand.token_folder",
        "config": "JupyterApp.config_file",
    }
    flags: dict[Any, Any] = {}
    words = 0
    usage = ""

    @default("examples")
    def _examples(self) -> str:
        return f"    {self.usage}"

    @property
    def store(self) -> TokenStore:
        folder = Path(self.token_folder).expanduser() if self.token_folder else orbit_home() / "tokens"
        return TokenStore(folder)

    def start(self) -> None:
        super().start()
        if len(self.extra_args) != self.words:
            self._end(f"usage: {self.usage}", USAGE_STATUS)
        try:
            self.run(*self.extra_args)
        except OrbitError as error:
            self._end(str(error), 1)
        except OSError as error:
            self._end(f"the token folder can't be used: {error}", 1)

    def run(self, *words: str) -> None:
        raise NotImplementedError

    def _end(self, message: str, status: int) -> None:
        print(message, file=sys.stderr)
        self.exit(status)


class TokenCreateApp(_TokenCommand):
    """Make a token for an endpoint, or for all whose names fit a glob; prints the token alone."""

    description = __doc__
    usage = "jupyter orbit token create NAME [--expires 30d]"
    words = 1
    expires = Unicode("never", help="How long it is good for: 30d, 12h, 15m, 45s, 2w or never (default).").tag(
        config=True
    )
    aliases: dict[Any, Any] = {**_TokenCommand.aliases, "expires": "TokenCreateApp.expires"}

    def run(self, *words: str) -> None:
        token, _ = self.store.create(words[0], getpass.getuser(), parse_duration(self.expires))
        print(token)


class TokenListApp(_TokenCommand):
    """List the tokens: id, name, owner, when made, when it expires. Their secrets are kept nowhere."""

    description = __doc__
    usage = "jupyter orbit token list"

    def run(self, *words: str) -> None:
        records = self.store.records()
        if not records:
            print("no tokens; make one with: jupyter orbit token create NAME", file=sys.stderr)
            return
        print(f"{'ID':14}{'NAME':24}{'OWNER':16}{'CREATED':18}EXPIRES")
        for record in records:
            expires = "never" if record.expires is None else _day(record.expires)
            print(f"{record.id:14}{record.name:24}{record.owner:16}{_day(record.created):18}{expires}")


class TokenRevokeApp(_TokenCommand):
    """Revoke a token by its id, or all of a name; its endpoints are disconnected within seconds."""

    description = __doc__
    usage = "jupyter orbit token revoke ID|NAME"
    words = 1

    def run(self, *words: str) -> None:
        for record in self.store.revoke(words[0]):
            print(f"revoked {record.id} ({record.name})")


class TokenApp(JupyterApp):
    """Make, list and revoke the tokens that endpoints join with."""

    name = "jupyter-orbit-token"
    description = __doc__
    subcommands: dict[str, Any] = {
        "create": (TokenCreateApp, "Make a token; prints it alone."),
        "list": (TokenListApp, "List the tokens."),
        "revoke": (TokenRevokeApp, "Revoke a token."),
    }

    def start(self) -> None:
        super().start()
        if self.subapp is None:
            print("say what to do: jupyter orbit token create|list|revoke, or --help", file=sys.stderr)
            self.exit(USAGE_STATUS)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")


def main(argv: list[str] | None = None) -> None:
    """Run ``jupyter orbit``."""
    words = sys.argv[1:] if argv is None else argv
    with contextlib.suppress(NoStart):  # a subcommand has done it all
        if words[:1] == ["token"]:
            # Not by way of the server, which takes seconds to import.
            TokenApp.launch_instance(words[1:])
            return
        from .extension import OrbitExtension

        OrbitExtension.launch_instance(words)  # type: ignore[no-untyped-call]
