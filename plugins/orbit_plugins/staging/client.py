"""The client's blocking face, which cells use."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from orbit_jupyter.plugin import PluginClient

from .async_client import AsyncStagingClient, LocalPath, Moved
from .progress import OnProgress, Progress


class StagingClient(PluginClient):
    """Files on an endpoint, for cells and scripts.

    Paths on the endpoint begin with ``/`` or ``~/``. What is written is there whole or not at all, on both sides,
    and what has arrived is compared with what was sent. A transfer that loses its link goes on where it was.
    """

    async_class = AsyncStagingClient
    aio: AsyncStagingClient

    def put(self, src: LocalPath, tgt: str, overwrite: bool = False) -> dict[str, Any]:
        """Send a file to the endpoint.

        Parameters
        ----------
        src
            A file here.
        tgt
            Its name there; folders that are missing are made.
        overwrite
            Whether a file of that name may be there.

        Returns
        -------
        dict
            ``path`` there, without symbolic links, and ``size`` (bytes).

        Raises
        ------
        FileNotFoundError
            There is no such file here.
        FileExistsError
            There is one there.
        NotADirectoryError
            A part of the path there is a file.
        ValueError
            The path there is relative, or outside of what the endpoint allows.
        OrbitError
            As the call failed.
        """
        return self._wait(self.aio.put(src, tgt, overwrite))

    def get(self, src: str, tgt: LocalPath) -> dict[str, Any]:
        """Fetch a file from the endpoint; nothing is overwritten here.

        Parameters
        ----------
        src
            A file there.
        tgt
            Its name here.

        Returns
        -------
        dict
            ``path`` here and ``size`` (bytes).

        Raises
        ------
        FileNotFoundError, FileExistsError, NotADirectoryError, ValueError, OrbitError
            As of `put`, the other way round.
        """
        return self._wait(self.aio.get(src, tgt))

    def list(self, path: str) -> dict[str, Any]:
        """Return what is in a folder on the endpoint.

        Returns
        -------
        dict
            ``path`` and ``entries``, a list by name of ``{"name", "type", "size"}``: `type` is ``file``, ``dir``
            or ``unknown``, `size` in bytes or None.

        Raises
        ------
        FileNotFoundError, NotADirectoryError, ValueError, OrbitError
            As of `put`.
        """
        return self._wait(self.aio.list(path))

    def upload(
        self,
        local: LocalPath,
        remote: str,
        *,
        overwrite: bool = False,
        progress: bool | OnProgress = True,
        parallel: int = 4,
    ) -> Moved:
        """Send files and folders to the endpoint.

        A file that is there already with the same content is left alone, so that a call that was broken off can be
        made again. An interrupt leaves what has arrived, and the same call goes on from there.

        Parameters
        ----------
        local
            A file, a folder with all that is in it, or a pattern such as ``runs/*.h5``.
        remote
            The new name there. One that ends with ``/`` is a folder to put it into, and so is one that several
            files go to, or a folder that a single file goes to.
        overwrite
            Whether other files of these names may be there.
        progress
            True: a bar; False: none; a function: it is called with the bytes moved, the bytes of all files and the
            path of the file that got on, on a thread of Orbit's, so it must be quick.
        parallel
            How many files at once.

        Returns
        -------
        dict
            ``files``, ``bytes``, ``skipped`` (files that were there) and ``paths``.

        Raises
        ------
        FileNotFoundError, FileExistsError, NotADirectoryError, ValueError, OrbitError
            As of `put`.
        """
        with closing(Progress(progress, f"to {self._endpoint_id}")) as shown:
            return self._wait(self.aio._upload(local, remote, overwrite, shown, parallel))

    def download(
        self,
        remote: str,
        local: LocalPath,
        *,
        overwrite: bool = False,
        progress: bool | OnProgress = True,
        parallel: int = 4,
    ) -> Moved:
        """Fetch files and folders from the endpoint; the other way round the same as `upload`."""
        with closing(Progress(progress, f"from {self._endpoint_id}")) as shown:
            return self._wait(self.aio._download(remote, local, overwrite, shown, parallel))
