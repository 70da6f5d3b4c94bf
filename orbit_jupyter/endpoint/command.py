"""``orbit-endpoint``: serve this machine through a bridge."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from enum import IntEnum

from orbit_jupyter._version import __version__
from orbit_jupyter.link.address import ENDPOINT_TOKEN_VARIABLE
from orbit_jupyter.link.logs import LEVEL_VARIABLES, begin_logging, log_level
from orbit_jupyter.protocol import (
    ConflictError,
    ForbiddenError,
    InvalidFieldError,
    OrbitError,
    UnauthenticatedError,
)

from .service import EndpointService
from .ways import MODES

log = logging.getLogger("orbit.endpoint")

PARENT_LOOK = 1.0
"""Seconds between two looks whether the parent still lives."""


class ExitStatus(IntEnum):
    """Why ``orbit-endpoint`` ended."""

    ENDED = 0
    FAILED = 1
    USAGE = 2
    CREDENTIALS = 3
    NAME = 4


EPILOG = """
exit status:
  0  ended by a signal, by the user at the bridge, or with its parent
  1  failed: no URL or no token was found, the certificate or the plugins are wrong, or an error of its own
  2  the command line is wrong
  3  the bridge doesn't know the token, or it was revoked
  4  the name is held by another endpoint, reserved, or not the one that the token is for

The bridge's URL is taken from --url, $RADICAL_ORBIT_BRIDGE_URL or ~/.radical/orbit/bridge.url; the token from
--token-file, $RADICAL_ORBIT_ENDPOINT_TOKEN or ~/.radical/orbit/endpoints/NAME.token. A token is made where the
bridge runs: jupyter orbit token create NAME
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    words = argparse.ArgumentParser(
        prog="orbit-endpoint",
        description="Serve this machine through an Orbit bridge.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("-n", "--name", help="name at the bridge (default: the host's name)")
    words.add_argument("-u", "--url", help="the bridge, such as https://host:8888/orbit")
    words.add_argument("-c", "--cert", help="certificate to trust (default: the system's trust)")
    words.add_argument(
        "-p",
        "--plugins",
        default="default",
        help="comma-separated names, globs, 'default', 'all' or module:Class (default: default)",
    )
    words.add_argument(
        "--tunnel",
        choices=MODES,
        default="none",
        help="ssh tunnel to the bridge: from here to a login host (forward), from the endpoint that has submitted "
        "this one (reverse), or whichever works (auto)",
    )
    words.add_argument(
        "--tunnel-via",
        metavar="HOST",
        help="login host for --tunnel forward (default: the one that the batch job was submitted from)",
    )
    words.add_argument(
        "--tunnel-to",
        metavar="WAY",
        type=_way,
        help="the bridge as the tunnel's other end sees it, HOST:PORT or a socket's path (default: by the URL)",
    )
    words.add_argument(
        "--through",
        metavar="WAY",
        type=_way,
        help="near end of a tunnel to the bridge: HOST:PORT, or the path of a Unix socket; "
        "the URL stays the bridge's own",
    )
    words.add_argument("--token-file", metavar="FILE", help="file with the token, readable by its owner alone")
    words.add_argument(
        "-l",
        "--log-level",
        type=str.upper,
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        help="default: $RADICAL_ORBIT_LOG_LVL, $RADICAL_LOG_LVL, INFO",
    )
    words.add_argument("--with-parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    words.add_argument("--bridge-host", action="store_true", help=argparse.SUPPRESS)
    words.add_argument("--version", action="version", version=__version__)
    return words


def _way(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text.startswith("/") or (host and port.isdecimal() and 0 < int(port) < 65536):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is neither HOST:PORT nor the path of a socket")


def main(argv: list[str] | None = None) -> None:
    """Run the command and exit with its status.

    At once, once everything is closed: Python would wait for worker threads, and a handler that blocks for an hour
    would keep the process for an hour.
    """
    status = run(argv)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


def run(argv: list[str] | None = None) -> ExitStatus:
    """Run the command and return its status."""
    given = parser().parse_args(argv)
    try:
        begin_logging(log_level(given.log_level))
    except (ValueError, OSError) as error:
        print(f"orbit-endpoint: {error}", file=sys.stderr)
        return ExitStatus.USAGE
    if given.log_level:
        os.environ[LEVEL_VARIABLES[0]] = given.log_level  # child plugin hosts log alike
    try:
        plugins = [token for token in given.plugins.split(",") if token.strip()]
        service = EndpointService(
            given.url,
            given.cert,
            given.name,
            plugins,
            given.tunnel,
            given.tunnel_via,
            token_file=given.token_file,
            tunnel_to=given.tunnel_to,
            through=given.through,
            role="bridge" if given.bridge_host else None,
        )
        # It has been read: what this process starts, jobs above all, must not inherit it.
        os.environ.pop(ENDPOINT_TOKEN_VARIABLE, None)
        asyncio.run(_serve(service, given.with_parent))
    except OrbitError as error:
        log.error("%s", error)
        return _status(error)
    except (ValueError, OSError) as error:
        log.error("%s", error)
        return ExitStatus.FAILED
    return ExitStatus.ENDED


async def _serve(service: EndpointService, parent: int | None) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(service.run())
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, _on_signal, service, sign)
    watcher = asyncio.ensure_future(_watch_parent(service, parent)) if parent is not None else None
    try:
        await task
    finally:
        if watcher is not None:
            watcher.cancel()


def _on_signal(service: EndpointService, sign: signal.Signals) -> None:
    log.info("%s: the endpoint ends", sign.name)
    service.stop()


async def _watch_parent(service: EndpointService, parent: int) -> None:
    # A server that was killed can't end its endpoint any more.
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel has no event for it that is portable
        await asyncio.sleep(PARENT_LOOK)
    log.info("the Jupyter server is gone: the endpoint ends")
    service.stop()


def _status(error: OrbitError) -> ExitStatus:
    if isinstance(error, UnauthenticatedError):
        return ExitStatus.CREDENTIALS
    if isinstance(error, ConflictError | InvalidFieldError | ForbiddenError):
        return ExitStatus.NAME
    return ExitStatus.FAILED
