"""What a host is and how busy: system, CPU, memory, disks, network, GPUs."""

from .client import AsyncSysInfoClient, SysInfoClient
from .plugin import SysInfoPlugin

PluginSysInfo = SysInfoPlugin
"""The name that radical.orbit gave the plugin."""

__all__ = ["AsyncSysInfoClient", "PluginSysInfo", "SysInfoClient", "SysInfoPlugin"]
