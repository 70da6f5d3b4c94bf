"""``jupyter orbit`` in a terminal: the verbs, and without one the bridge on its own."""

from .command import main
from .exit_status import ExitStatus

__all__ = ["ExitStatus", "main"]
