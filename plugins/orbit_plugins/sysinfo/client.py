"""The client's side: what `endpoint.get_plugin("sysinfo")` returns."""

from __future__ import annotations

from typing import Any, ClassVar

from orbit_jupyter.plugin import AsyncPluginClient, PluginClient


class AsyncSysInfoClient(AsyncPluginClient):
    """What an endpoint's host is and how busy, as coroutines; `SysInfoClient` tells what they return."""

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


class SysInfoClient(PluginClient):
    """What an endpoint's host is and how busy, for cells and scripts."""

    async_class: ClassVar[type[AsyncPluginClient]] = AsyncSysInfoClient
    aio: AsyncSysInfoClient

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
