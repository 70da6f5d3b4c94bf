"""A connection that keeps its promises, over memory, a socket pair or a WebSocket. No routing, no plugins."""

from .address import Address, Found, Search, find_cert, orbit_home, read_text
from .calls import Answer, Canceller
from .context import TRACE, current_trace, current_user, new_trace, working_for
from .dial import Refused, dial_for_ever, dial_once
from .link import CallHandler, Down, Limits, Link
from .liveness import State
from .memory import memory_pair
from .stream import connect_socket
from .transport import Transport, TransportClosedError
from .work import begin

__all__ = [
    "TRACE",
    "Address",
    "Answer",
    "CallHandler",
    "Canceller",
    "Down",
    "Found",
    "Limits",
    "Link",
    "Refused",
    "Search",
    "State",
    "Transport",
    "TransportClosedError",
    "begin",
    "connect_socket",
    "current_trace",
    "current_user",
    "dial_for_ever",
    "dial_once",
    "find_cert",
    "memory_pair",
    "new_trace",
    "orbit_home",
    "read_text",
    "working_for",
]
