"""Running ssh under control: forwards that are kept up, and how two ends of one find each other."""

from .forward import Forward, LocalForward, RemoteForward, check_target
from .hosts import check_host, check_login
from .program import PROGRAM_VARIABLE, ssh_command, ssh_options, ssh_program
from .rendezvous import Rendezvous, Request, RequestError
from .trouble import TunnelError, explain
from .tunnel import Tunnel, TunnelState

__all__ = [
    "PROGRAM_VARIABLE",
    "Forward",
    "LocalForward",
    "RemoteForward",
    "Rendezvous",
    "Request",
    "RequestError",
    "Tunnel",
    "TunnelError",
    "TunnelState",
    "check_host",
    "check_login",
    "check_target",
    "explain",
    "ssh_command",
    "ssh_options",
    "ssh_program",
]
