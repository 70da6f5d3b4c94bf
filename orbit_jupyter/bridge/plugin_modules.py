"""The JavaScript of plugins installed beside the bridge. Never an endpoint's: that is a foreign machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from orbit_jupyter.host import installed_plugins
from orbit_jupyter.host.ui_module import UIModule
from orbit_jupyter.protocol import MAX_BODY, ResourceNotFoundError

from .child_endpoint import child_environment

LOOK_TIME = 30.0
"""Seconds that a plugin may take to be imported by the process that looks for its module."""


class PluginModules:
    """Finds the modules, each by a short child process, and reads them."""

    def __init__(self) -> None:
        self._looks: dict[str, asyncio.Task[UIModule]] = {}
        self._one = asyncio.Lock()  # a page asks for all plugins at once; their imports wait for each other

    async def read(self, name: str) -> bytes:
        """Return the module of an installed plugin.

        Raises
        ------
        ResourceNotFoundError
            With the reason: no such plugin, no module, or it can't be found out.
        """
        installed = await asyncio.to_thread(installed_plugins)
        if name not in installed:
            raise ResourceNotFoundError(f"no plugin {name!r} is installed beside this bridge", available=installed)
        look = self._looks.get(name)
        if look is None:
            look = self._looks[name] = asyncio.ensure_future(self._look(name))
            look.add_done_callback(lambda done: self._forget_failure(name, done))
        found = await asyncio.shield(look)
        if not found.path:
            raise ResourceNotFoundError(found.reason)
        return await asyncio.to_thread(_read, name, Path(found.path))

    def _forget_failure(self, name: str, look: asyncio.Task[UIModule]) -> None:
        # What a plugin says stays true as long as this server runs; a busy machine does not stay busy.
        if look.cancelled() or look.exception() is not None:
            self._looks.pop(name, None)

    async def _look(self, name: str) -> UIModule:
        async with self._one:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "orbit_jupyter.host.ui_module",
                    name,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=child_environment(),
                    start_new_session=True,
                )
            except OSError as error:
                raise ResourceNotFoundError(f"plugin {name} can't be looked at: {error}") from None
            try:
                said, _ = await asyncio.wait_for(process.communicate(), LOOK_TIME)
                return msgspec.json.decode(said, type=UIModule)
            except asyncio.TimeoutError:
                reason = f"plugin {name} wasn't imported within {LOOK_TIME:g} s; ask again later"
                raise ResourceNotFoundError(reason) from None
            except msgspec.DecodeError:
                reason = f"importing plugin {name} ended its process with status {process.returncode}"
                return UIModule(reason=reason)
            finally:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)  # and what the import has started
                    await process.wait()

    async def close(self) -> None:
        """End the processes that still look."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _read(name: str, path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BODY:
            raise ResourceNotFoundError(f"the module of plugin {name} has more than {MAX_BODY} bytes")
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ResourceNotFoundError(f"the module of plugin {name} can't be read: {reason}") from None
