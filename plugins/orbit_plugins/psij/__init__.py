"""Jobs on any scheduler that PSI/J knows: submit, follow, read, cancel."""

from __future__ import annotations

from .async_client import AsyncPSIJClient
from .client import PSIJClient
from .job import Job
from .plugin import PluginPSIJ, PSIJPlugin

__all__ = ["AsyncPSIJClient", "Job", "PSIJClient", "PSIJPlugin", "PluginPSIJ"]
