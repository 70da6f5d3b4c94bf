"""What goes wrong on the first mile."""

from __future__ import annotations

from orbit_jupyter.protocol import OrbitError


class JoinError(OrbitError):
    """A cluster couldn't be joined or left; the message says what to do next."""
