"""What a request is for, told from its method and path alone. No I/O."""

from __future__ import annotations

import re
from urllib.parse import unquote

from ..hub import READ_METHODS

# The bridge knows no plugin: what a call is for is told from the first word of the route behind the plugin's name,
# as radical.orbit's plugins have them. Other words and other plugins' are `call`; a wrong guess costs a filter its
# hit, never the line.
_WORDS = {
    "launch": r"launch\w*|submit_tunneled|pilot_submit",
    "submit": r"submit\w*|\w+_submit",
    "cancel": r"cancel\w*",
    "transfer": r"put|get|delete|copy|move|rename|mkdir|(stage|transfer|upload|download)\w*",
    "session": r"register_session|unregister_session",
}
_BY_WORD = re.compile("|".join(f"(?P<{action}>{words})" for action, words in _WORDS.items()))

# The bridge's own routes, and its doors; where a path ends in a slash, one name follows.
_OWN = {
    ("GET", "client"): "login",
    ("GET", "register"): "register",
    ("POST", "endpoint/list"): "read",
    ("POST", "endpoint/disconnect/"): "disconnect",
    ("POST", "bridge/terminate"): "terminate",
    ("POST", "tokens"): "token",
    ("DELETE", "tokens/"): "token",
}

UNAUDITED = frozenset({"read", "session"})
"""Actions that are noted only where they were refused."""


def action_of(method: str, path: str) -> str:
    """Return what a request is for.

    Parameters
    ----------
    method
        HTTP method.
    path
        Path behind ``/orbit``: ``/hpc1/psij/submit/session.1``, or ``/tokens``.

    Returns
    -------
    str
        One of the actions of the schema; `call` for what may change something and has no name of its own.
    """
    # Taken apart just as the routers do it, or a slash too many would give a call another name.
    own = unquote(path).strip("/")
    action = _OWN.get((method, own)) or _OWN.get((method, own[: own.rfind("/") + 1]))
    if action is not None:
        return action
    if method in READ_METHODS:
        return "read"
    behind_endpoint = path.lstrip("/").partition("/")[2]
    behind_plugin = behind_endpoint.lstrip("/").partition("/")[2]
    match = _BY_WORD.fullmatch(unquote(behind_plugin.lstrip("/").partition("/")[0]))
    return match.lastgroup or "call" if match else "call"
