"""One request and its answer."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from .endpoint import clean, facts, look, start, stop
from .environments import abandon, install, prune, uninstall
from .places import HOME, Trouble, make_private
from .tunnel import reaches, trust, way


@contextlib.contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait until no other run works on that endpoint: an undo waits for what it undoes."""
    file = make_private(HOME / "joined") / f".{name}.lock"
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise Trouble(f"{file} can't be written: {error.strerror}; is the disk full, or the quota?") from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


VERBS = {
    verb.__name__: verb
    for verb in (facts, install, uninstall, abandon, prune, way, trust, reaches, start, look, stop, clean)
}
UNLOCKED = ("facts", "install", "uninstall", "abandon", "reaches", "look")
"""These change nothing of an endpoint, or nothing that another run could be at."""


def main() -> None:
    """Answer one request."""
    os.umask(0o077)
    request = json.loads(sys.stdin.buffer.readline())
    verb, mark = request.pop("verb"), request.pop("mark")
    try:
        if verb in UNLOCKED:
            answer = VERBS[verb](**request)
        else:
            with one_at_a_time(request["name"]):
                answer = VERBS[verb](**request)
        said: dict[str, Any] = {"answer": answer}
    except Trouble as error:
        said = {"trouble": str(error)}
    except Exception as error:
        said = {"trouble": f"{type(error).__name__}: {error}"}
    print(f"\n{mark}{json.dumps(said)}", flush=True)
