"""The first mile: a cluster joins the bridge over one ssh connection, and leaves again."""

from .asking import Ask, ask_here
from .blocking import join, leave
from .errors import JoinError
from .kept import Joined, all_kept
from .ssh_hosts import known_hosts
from .steps import OnStep, Step, print_step
from .watching import stay

__all__ = [
    "Ask",
    "JoinError",
    "Joined",
    "OnStep",
    "Step",
    "all_kept",
    "ask_here",
    "join",
    "known_hosts",
    "leave",
    "print_step",
    "stay",
]
