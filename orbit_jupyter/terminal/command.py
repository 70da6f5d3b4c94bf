"""Which words are for the bridge as a server, and which are a verb."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from orbit_jupyter.client import BridgeClient
from orbit_jupyter.link import orbit_home, read_text
from orbit_jupyter.protocol import OrbitError
from orbit_jupyter.verbs import Context, HelpAsked, UsageMistake, check_verb, grammar, parse

from .exit_status import EXIT_STATUS_HELP, ExitStatus, NoCredentials, status_of
from .face import PROG, TerminalFace
from .kept_choice import KeptChoice

WITH_VALUE = ("--url", "--cert", "--token-file")

_TOKEN_HELP = f"""
Without a verb, or with options of Jupyter's server, {PROG} starts the bridge on its own; its options are below.
{PROG} token works on the token files of this machine; {PROG} --url URL token asks that bridge.

"""


def main(argv: list[str] | None = None) -> int:
    """Run ``jupyter orbit`` and return its exit status."""
    words = sys.argv[1:] if argv is None else argv
    first = _first(words)
    if first in ("-h", "--help") or words == ["help"]:
        print(_parser().format_help() + "\n" + EXIT_STATUS_HELP + _TOKEN_HELP, flush=True)
        return _serve(["--help"])
    if not words or words[0] == "token" or (first is not None and first.startswith("-")):
        return _serve(words)
    return run_verb(words)


def run_verb(words: list[str]) -> ExitStatus:
    """Run one verb and return its exit status."""
    face = TerminalFace()
    try:
        parser, verb = _parser(), _first(words)
        if verb is not None:
            check_verb(parser, verb)
        given = parse(parser, words)
        face = TerminalFace(json=getattr(given, "json", False))
        context = _context(given, face)
        try:
            outcome = given.run(context, given)
            face.show(outcome)
            return status_of(outcome.ending)
        finally:
            context.close()
    except HelpAsked as asked:
        print(asked)
        return ExitStatus.DONE
    except BrokenPipeError:
        # Whoever read has seen enough. What is still buffered must not fail at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED
    except (OrbitError, UsageMistake, NoCredentials) as error:
        face.say(f"{PROG}: {error}")
        return status_of(error)
    except KeyboardInterrupt:
        face.say("interrupted")
        return ExitStatus.INTERRUPTED


def _first(words: list[str]) -> str | None:
    """Return the first word that isn't one of the verbs' own options."""
    at = 0
    while at < len(words):
        if words[at] in WITH_VALUE:
            at += 2
        elif words[at] == "--json" or words[at].startswith(tuple(f"{name}=" for name in WITH_VALUE)):
            at += 1
        else:
            return words[at]
    return None


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    reach = common.add_argument_group("how to reach the bridge, and how to answer")
    reach.add_argument(
        "--url",
        help="the bridge, such as https://host:8888/orbit (default: $RADICAL_ORBIT_BRIDGE_URL, bridge.url)",
    )
    reach.add_argument("--cert", metavar="FILE", help="certificate to trust (default: the system's trust)")
    reach.add_argument(
        "--token-file",
        metavar="FILE",
        help="file with the token, readable by you alone (default: $RADICAL_ORBIT_CLIENT_TOKEN, client.token)",
    )
    reach.add_argument("--json", action="store_true", help="print the result as JSON, all else on stderr")
    return grammar(PROG, common)


def _context(given: argparse.Namespace, face: TerminalFace) -> Context:
    client: list[BridgeClient] = []

    def connect() -> BridgeClient:
        if not client:
            client.append(_client(given))
        return client[0]

    class Choice:
        """The file is the bridge's, whose URL is known once its client is."""

        def get(self) -> str | None:
            return self._kept().get()

        def set(self, name: str) -> None:
            self._kept().set(name)

        def _kept(self) -> KeptChoice:
            return KeptChoice(orbit_home() / "in-use.json", connect().url)

    return Context(connect, face, Choice())


def _client(given: argparse.Namespace) -> BridgeClient:
    try:
        file = getattr(given, "token_file", None)
        token = None
        if file is not None:
            token = read_text(Path(file).expanduser(), secret=True)
            if not token:
                raise ValueError(f"there is no token in {file}")
        return BridgeClient(getattr(given, "url", None), getattr(given, "cert", None), token)
    except (ValueError, OSError) as error:
        raise NoCredentials(str(error)) from None


def _serve(words: list[str]) -> int:
    # The server takes seconds to import, and no verb needs it.
    from orbit_jupyter.bridge.commands import main as serve

    serve(words)
    return ExitStatus.DONE
