"""Load with another release's own client; run by the Python of that release's environment.

``python other_release.py bridge URL CERT ENDPOINT PATH`` uses the client of radical.orbit 0.2.0, over HTTP; with
``broker`` as the first word that of 0.7.0, a participant of its own. It prints ``ready`` when the endpoint is
there. Each line on stdin, ``roundtrip SECONDS`` or ``calls SECONDS WINDOW``, is answered by one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

WAIT = 60.0
"""Seconds in which the endpoint must be there."""


def bridge(url: str, cert: str, endpoint: str, path: str) -> Any:
    """Return a call through the client of 0.2.0."""
    client = import_module("radical.orbit").BridgeClient(url=url, cert=cert)
    client.wait_for_endpoint(endpoint, timeout=WAIT, poll=0.2)
    http = client.get_endpoint_client(endpoint).http
    return lambda: http.get(f"/{endpoint}{path}")


def broker(url: str, cert: str, endpoint: str, path: str) -> Any:
    """Return a call through the client of 0.7.0; its token is in the environment."""
    runtime = import_module("radical.orbit").EndpointRuntime(broker_url=url, cert=cert)
    runtime.start(wait=True)
    until = time.monotonic() + WAIT
    while "sysinfo" not in (runtime.topology().get(endpoint) or {}).get("plugins", {}):
        if time.monotonic() > until:
            raise RuntimeError(f"{endpoint} didn't come; there are {sorted(runtime.topology())}")
        time.sleep(0.2)
    return lambda: runtime.call(endpoint, "GET", path)


def once(call: Any) -> float:
    """Call, check the answer, and return how many seconds it took."""
    began = time.perf_counter()
    answer = call()
    passed = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"the answer was {answer.status_code}: {answer.text[:200]}")
    return passed


def roundtrip(call: Any, seconds: float) -> dict[str, float]:
    """Call one after another."""
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        times.append(once(call))
    return {"ms": statistics.median(times) * 1000}


def calls(call: Any, seconds: float, window: int) -> dict[str, float]:
    """Keep so many threads busy."""
    began = time.perf_counter()

    def one(_number: int) -> int:
        done = 0
        while time.perf_counter() < began + seconds:
            once(call)
            done += 1
        return done

    with ThreadPoolExecutor(window) as pool:
        done = sum(pool.map(one, range(window)))
    return {"rate": done / (time.perf_counter() - began)}


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a release prints by itself must not be taken for an answer
    kind, *where = sys.argv[1:]
    call = (broker if kind == "broker" else bridge)(*where)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        verb, *numbers = line.split()
        if verb == "roundtrip":
            found = roundtrip(call, float(numbers[0]))
        else:
            found = calls(call, float(numbers[0]), int(numbers[1]))
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
