"""The plugin: its routes, and the transfers behind them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import msgspec

from orbit_jupyter.plugin import (
    App,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    Plugin,
    PluginSession,
    Request,
    ResourceNotFoundError,
    Streamed,
    TooLargeError,
    route,
    run_in_thread,
)

from .answers import Digest, Folder, Get, Got, List, Listing, Part, Put, Stored, Transfer, Transfers, Written
from .client import StagingClient
from .digests import checked
from .leftovers import Leftovers
from .listing import listing_of
from .partial import size_of
from .reading import Reading
from .receiving import Receiving, is_over
from .refusals import answered
from .roots import Roots, limit_of
from .sending import Sending
from .transfers import TOPIC, TransferTable
from .ui import UI
from .wants import Wants

P = ParamSpec("P")
T = TypeVar("T")

LOOK = 3_600.0
"""Seconds between two looks for parts that nobody has gone on with."""

MISSING, WRONG, DENIED = ResourceNotFoundError, BadRequestError, ForbiddenError


class StagingPlugin(Plugin):
    """Files of the endpoint's user: read, written and listed, within the folders that the operator allows."""

    plugin_name = "staging"
    version = "0.1.0"
    client_class = StagingClient
    ui_config = UI

    def __init__(self, app: App, instance_name: str | None = None) -> None:
        super().__init__(app, instance_name)
        self._roots, self._limit = Roots.of(os.environ), limit_of(os.environ)
        self._leftovers = Leftovers(self.folder / "parts" if self.folder else None, self._roots)
        self._transfers = TransferTable(self._tell)
        self._sending = Sending(self._transfers, self._in_thread)
        self._looked = 0.0

    def _tell(self, transfer: Transfer) -> None:
        self._dispatch_notify(TOPIC, dict(transfer))

    async def _in_thread(self, func: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await run_in_thread(self.threads, func, *args, **more)

    # -- as radical.orbit 0.2.0 has them ----------------------------------------------------------------------

    @route.post("put/{sid}", errors=(WRONG, DENIED, MISSING, ConflictError, TooLargeError))
    def put(self, session: PluginSession, body: Put) -> Written:
        """Write a file whose content is in the body; for a large one there is ``PUT files/…``.

        Folders that are missing are made.

        Raises
        ------
        ConflictError
            It exists, and isn't to be overwritten.
        InvalidFieldError
            The content isn't base64.
        """
        receiving = self._receive(body.filename, Wants(size=len(body.content)), body.overwrite)
        try:
            receiving.write(body.content)
            stored = receiving.finish()
        except BaseException:
            receiving.stop(keep=False)
            raise
        return {"path": stored["path"], "size": stored["size"]}

    @route.post("get/{sid}", answer=Got, errors=(WRONG, DENIED, MISSING))
    async def get(self, session: PluginSession, body: Get) -> Streamed:
        """Return a file whose content is in the answer, of any size; ``GET files/…`` has it as it is."""
        reading = await self._in_thread(self._read, body.filename)
        head = msgspec.json.encode({"path": reading.path, "size": reading.size})
        return Streamed(self._sending.as_json(reading, head), 200, {"content-type": "application/json"})

    @route.post("list/{sid}", errors=(WRONG, DENIED, MISSING))
    def list(self, session: PluginSession, body: List) -> Listing:
        """Return what is in a folder, by name."""
        return listing_of(self._roots.find(body.path), self._roots)

    # -- without a bound on the size --------------------------------------------------------------------------

    @route.put("files/{path:path}", stream=True, errors=(WRONG, DENIED, MISSING, ConflictError, TooLargeError))
    async def put_file(self, path: str, request: Request, overwrite: bool = False) -> Stored:
        """Write a file that is the body. It is there whole or not at all.

        Headers: ``x-orbit-digest`` (``blake2b=HEX`` of the whole content, which is checked), ``x-orbit-size``,
        ``x-orbit-mode`` (octal), ``x-orbit-mtime`` (ns since the epoch). With a digest what has come before a link
        was lost is kept: ``GET part/…`` tells how much that is, and ``x-orbit-offset`` goes on behind it.

        Raises
        ------
        ConflictError
            It exists, and isn't to be overwritten; said before the body is read.
        InvalidFieldError
            What came isn't what the headers say.
        """
        wants = Wants.of(request.headers)
        gone = threading.Event()
        try:
            receiving = await self._in_thread(self._receive, absolute(path), wants, overwrite, gone)
        finally:
            gone.set()
        try:
            with self._transfers.begin("put", receiving.path, wants.size, receiving.size) as moving:
                async for piece in request.stream():
                    await self._in_thread(receiving.write, piece)
                    moving.moved(len(piece))
                return await self._in_thread(receiving.finish)
        except BaseException as error:
            await self._in_thread(receiving.stop, keep=not is_over(error))
            raise

    @route.get("files/{path:path}", media="application/octet-stream", errors=(WRONG, DENIED, MISSING))
    async def get_file(self, path: str, request: Request) -> Streamed:
        """Return a file, or the part of it that ``Range`` asks for.

        ``etag`` changes with the content; with ``If-Range`` a part is of that content, or the answer is all of it.
        ``x-orbit-digest`` is there where it is known already, as that of a small file is; ``GET digest/…`` has it
        always.
        """
        reading = await self._in_thread(self._read, absolute(path))
        return await self._sending.answer(reading, request)

    @route.get("digest/{path:path}", errors=(WRONG, DENIED, MISSING))
    async def digest(self, path: str) -> Digest:
        """Return a file's digest."""
        reading = await self._in_thread(self._read, absolute(path))
        digest = await self._sending.digest(reading)
        return {"path": reading.path, "size": reading.size, "digest": digest, "etag": reading.etag}

    @route.get("part/{path:path}", errors=(WRONG, DENIED))
    def part(self, path: str, digest: str) -> Part:
        """Return how many bytes there are already of an upload that was broken off, by the digest of all of it."""
        place = self._roots.find(absolute(path))
        try:
            with answered(place.path), place.folder() as folder:
                return {"path": place.path, "offset": size_of(folder, place.name, checked(digest, "digest"))}
        except ResourceNotFoundError:
            return {"path": place.path, "offset": 0}

    @route.put("folders/{path:path}", errors=(WRONG, DENIED))
    def make_folder(self, path: str) -> Folder:
        """Make a folder and those that it is in, where they aren't there yet."""
        place = self._roots.find(absolute(path))
        with answered(place.path), place.itself(make=True):
            return {"path": place.path}

    @route.get("transfers/{sid}")
    async def transfers(self, session: PluginSession) -> Transfers:
        """Return the latest transfers, whoever asked for them."""
        return {"transfers": self._transfers.list()}

    # ---------------------------------------------------------------------------------------------------------

    def _receive(self, path: str, wants: Wants, overwrite: bool, gone: threading.Event | None = None) -> Receiving:
        place = self._roots.find(path)
        return Receiving(
            place, wants, overwrite=overwrite, limit=self._limit, leftovers=self._leftovers, stop=gone
        )

    def _read(self, path: str) -> Reading:
        return Reading(self._roots.find(path))

    async def sweep(self) -> None:
        """Look now and then for parts that are to be removed."""
        await super().sweep()
        if not self._looked or time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            await self._in_thread(self._leftovers.sweep)


def absolute(path: str) -> str:
    """Return what a URL's path means: all but ``~`` begins at the root."""
    return path if path == "~" or path.startswith("~/") else "/" + path.lstrip("/")


PluginStaging = StagingPlugin
"""The name that radical.orbit 0.2.0 has for it."""
