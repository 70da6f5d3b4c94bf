"""A connection that keeps its promises, over memory, a socket pair or a WebSocket. No routing, no plugins."""

from .address import Address, Found, Search, find_cert, orbit_home, read_text
from .calls import Answer, Onward, ends_call
from .carrier import Carrier, Down
from .context import TRACE, current_trace, current_user, new_trace, working_for
from .dial import Redials, Refused, dial_for_ever, dial_once
from .gather import whole_answer, whole_call
from .limits import Limits
from .link import CallHandler, Link
from .liveness import State
from .loops import new_loop
from .memory import memory_pair
from .stream import connect_socket
from .streams import Inflow, Outflow
from .transport import Transport, TransportClosedError
from .unsent import keep_little_unsent
from .work import begin

__all__ = [
    "TRACE",
    "Address",
    "Answer",
    "CallHandler",
    "Carrier",
    "Down",
    "Found",
    "Inflow",
    "Limits",
    "Link",
    "Onward",
    "Outflow",
    "Redials",
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
    "ends_call",
    "find_cert",
    "keep_little_unsent",
    "memory_pair",
    "new_loop",
    "new_trace",
    "orbit_home",
    "read_text",
    "whole_answer",
    "whole_call",
    "working_for",
]
