"""The client's side: what `endpoint.get_plugin("sysinfo")` returns."""

from __future__ import annotations

from typing import Any, ClassVar

from orbit_jupyter.plugin import AsyncPluginClient, Callback, PluginClient

TOPIC = "metrics"
"""Of the events that `SysInfoClient.subscribe` asks for."""


class AsyncSysInfoClient(AsyncPluginClient):
    """What an endpoint's host is and how busy, as coroutines; `SysInfoClient` tells what they return."""

    _interval: float | None = None

    async def register_session(self, **more: Any) -> None:
        """Make a session; one that replaces another, as after the endpoint's restart, is subscribed like it."""
        await super().register_session(**more)
        if self._interval is not None:
            await self.subscribe(self._interval)

    async def homedir(self) -> str:
        """Return the home directory on the endpoint; see `SysInfoClient.homedir`."""
        answer = await self.call("GET", "homedir")
        return str(answer["homedir"])

    async def host_role(self) -> dict[str, Any]:
        """Return the host's part in its cluster; see `SysInfoClient.host_role`."""
        answer: dict[str, Any] = await self.call("GET", "host_role")
        return answer

    async def get_metrics(self) -> dict[str, Any]:
        """Return what the host is and how busy; see `SysInfoClient.get_metrics`."""
        answer: dict[str, Any] = await self.call("GET", "metrics/{sid}")
        return answer

    async def history(self, seconds: int = 600) -> dict[str, Any]:
        """Return how busy the host was; see `SysInfoClient.history`."""
        answer: dict[str, Any] = await self.call("GET", "history/{sid}", params={"seconds": seconds})
        return answer

    async def subscribe(self, interval: float = 5) -> dict[str, Any]:
        """Have events with the metrics sent; see `SysInfoClient.subscribe`. They come as any event does."""
        answer: dict[str, Any] = await self.call("POST", "subscribe/{sid}", {"interval": interval})
        self._interval = interval
        return answer

    async def unsubscribe(self) -> None:
        """Have no more events sent."""
        self._interval = None
        await self.call("POST", "unsubscribe/{sid}")


class SysInfoClient(PluginClient):
    """What an endpoint's host is and how busy, for cells and scripts."""

    async_class: ClassVar[type[AsyncPluginClient]] = AsyncSysInfoClient
    aio: AsyncSysInfoClient
    _callback: Callback | None = None

    def homedir(self) -> str:
        """Return the home directory of the endpoint's process. Needs no session.

        Raises
        ------
        OrbitError
            If the call failed.
        """
        return self._wait(self.aio.homedir())

    def host_role(self) -> dict[str, Any]:
        """Return the host's part in its cluster. Needs no session.

        Returns
        -------
        dict
            ``role`` (``bridge``, ``login``, ``compute`` or ``standalone``), ``scheduler`` (``slurm``, ``pbs``
            or ``none``), ``psij_executor`` (the name to submit with through PSI/J), ``job_id`` (of the
            allocation, or None) and ``python_version``.

        Raises
        ------
        OrbitError
            If the call failed.
        """
        return self._wait(self.aio.host_role())

    def get_metrics(self) -> dict[str, Any]:
        """Return what the host is and how busy.

        Returns
        -------
        dict
            - ``system``: hostname, user, uptime (s), kernel, arch
            - ``cpu``: model, vendor, cores_physical, cores_logical, percent (since the last call), load_avg
              (over 1, 5 and 15 minutes), freq_mhz (MHz or None)
            - ``memory``: total, available, used (bytes), percent
            - ``disks``, a list: mount, device, fstype, type, total, used (bytes), percent. The three numbers are
              None for a mount that doesn't answer, and ``error`` says so.
            - ``network``, a list: interface, ip, mac, rx_bytes, tx_bytes, speed_mbps (Mbit/s, 0 if unknown)
            - ``gpus``, a list: id, index, name, driver_version, uuid, vendor; where they can be read also
              util_gpu, util_mem (%), mem_total, mem_used, mem_free (MiB)
            - ``errors``, only if something could not be read: a reason for each such branch, which is then
              empty or incomplete

        Raises
        ------
        RuntimeError
            Without a session.
        OrbitError
            If the call failed.
        """
        return self._wait(self.aio.get_metrics())

    def history(self, seconds: int = 600) -> dict[str, Any]:
        """Return how busy the host was.

        Parameters
        ----------
        seconds
            How far back; ten minutes are kept.

        Returns
        -------
        dict
            ``interval`` (s from one sample to the next), ``columns``, a dict of lists of equal length with the
            oldest value first, and ``units``, a dict with the unit of each column. Columns are ``time`` (s since
            the epoch), ``cpu_percent``, ``load_1``, ``memory_used``, ``memory_percent``, ``swap_used``,
            ``swap_percent``, ``net_rx``, ``net_tx`` (B/s, all interfaces), and of each GPU
            ``gpu_VENDOR_ID_util`` and ``gpu_VENDOR_ID_mem_used``. A value that isn't known is None.

        Raises
        ------
        OrbitError
            If the call failed.

        Examples
        --------
        >>> pandas.DataFrame(hpc.sysinfo.history()["columns"])  # doctest: +SKIP
        """
        return self._wait(self.aio.history(seconds))

    def subscribe(self, interval: float = 5, callback: Callback | None = None) -> dict[str, Any]:
        """Have an event with the metrics sent each few seconds, while you are connected.

        Events stop with `unsubscribe`, or when the session ends. To subscribe again changes the interval.

        Parameters
        ----------
        interval
            Seconds, 1 to 3600. Where several clients ask, all get their events at the smallest interval.
        callback
            Called as ``callback(endpoint, plugin, "metrics", data)``; ``data["metrics"]`` is what `get_metrics`
            returns, ``data["time"]`` the seconds since the epoch. It replaces the one before. None: that one goes
            on, or you listen by other means.

        Returns
        -------
        dict
            ``interval`` and ``topic``.

        Raises
        ------
        InvalidFieldError
            If the interval is out of bounds.
        OrbitError
            If the call failed.
        """
        if callback is not None:
            self._listen(callback)  # before the first event can come
        try:
            return self._wait(self.aio.subscribe(interval))
        except BaseException:
            if callback is not None:
                self._listen(None)
            raise

    def unsubscribe(self) -> None:
        """Have no more events sent, and the callback not called."""
        self._listen(None)
        self._wait(self.aio.unsubscribe())

    def close(self) -> None:
        """Close the session, and with it the subscription."""
        self._listen(None)
        super().close()

    def _listen(self, callback: Callback | None) -> None:
        if self._callback is not None:
            self.unregister_notification_callback(self._callback, TOPIC)
        if callback is not None:
            self.register_notification_callback(callback, TOPIC)
        self._callback = callback
