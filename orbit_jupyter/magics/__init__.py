"""``%orbit`` in IPython: ``%load_ext orbit_jupyter``."""

from .extension import load_ipython_extension, unload_ipython_extension
from .orbit_magics import OrbitMagics

__all__ = ["OrbitMagics", "load_ipython_extension", "unload_ipython_extension"]
