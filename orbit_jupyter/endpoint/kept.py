"""The folder with an endpoint's state, which is one process's at a time."""

from __future__ import annotations

import asyncio
import logging
import uuid

from orbit_jupyter.link import orbit_home
from orbit_jupyter.protocol import ConflictError
from orbit_jupyter.state import RENEW, HeldError, Lease, claim_first_free

log = logging.getLogger("orbit.endpoint")


class EndpointState:
    """The lease on an endpoint's folder.

    Parameters
    ----------
    name
        The endpoint's. Where another of this name lives on this host, as two servers' `local` do, the folder is
        ``NAME~2``.

    Attributes
    ----------
    folder
        Where the state lies.
    lost
        Fails once another process has taken the folder over: this one must write no more.
    """

    def __init__(self, name: str) -> None:
        self.folder = orbit_home() / "state" / name
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lease: Lease | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def claim(self) -> None:
        """Take the folder.

        Raises
        ------
        ConflictError
            Another process has it, and may be alive on another host.
        """
        try:
            self._lease = await asyncio.to_thread(
                claim_first_free, self.folder, uuid.uuid4().hex, beside_the_living_alone=True
            )
        except HeldError as error:
            raise ConflictError(f"an endpoint of this name may run already: {error}") from None
        except OSError as error:
            log.warning("the state of this endpoint isn't safe from another process of its name: %s", error)
            return
        if self._lease.folder != self.folder:
            log.warning("another endpoint of this name runs here; this one's state is in %s", self._lease.folder)
        self.folder = self._lease.folder
        self._renewing = asyncio.ensure_future(self._renew(self._lease))

    async def _renew(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(RENEW)
            try:
                ours = await asyncio.to_thread(lease.renew)
            except OSError as error:  # a home on a network that is away just now
                log.warning("the lease on %s can't be renewed: %s", self.folder, error)
                continue
            if not ours:
                self.lost.set_exception(ConflictError(f"another process has taken {self.folder} over"))
                return

    async def release(self) -> None:
        """Give the folder back."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        if self.lost.done():
            self.lost.exception()
        elif self._lease is not None:
            await asyncio.to_thread(self._lease.release)
