"""Orbit's counters on the Jupyter server's own ``/metrics``.

A call adds to plain numbers, on the bridge's loop alone; Prometheus's objects are made when somebody scrapes. That
is several times cheaper than prometheus_client's own counters, which take a lock for each addition.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from urllib.parse import unquote

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from .hub import Hub
from .outcomes import Outcome

log = logging.getLogger("orbit.bridge")

OTHER = "other"
"""Label for what has none of its own: an endpoint that nobody has seen, a plugin that it doesn't list."""

BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
)
"""Upper bounds of the histogram in seconds, up to the time that a call has where nobody says otherwise."""

# Callers write paths and endpoints write names and statuses as they like, and a label once made stays. Beyond
# these numbers all is `OTHER`.
MAX_ENDPOINTS = 500
MAX_PAIRS = 500
"""Of endpoint and plugin."""
MAX_STATUSES = 30
"""Of one such pair."""
LONGEST_PLUGIN = 63

STATES = ("present", "suspect")


class _Tally:
    """The numbers of one endpoint and plugin."""

    __slots__ = ("buckets", "replied", "requested", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.requested = self.replied = 0


class BridgeMetrics:
    """A collector of prometheus_client's default registry, which Jupyter serves.

    One for each bridge, there while the bridge runs, and not metrics of the module: what one bridge has counted
    never shows up in the next one of the same process, and the gauge always looks at a hub that is alive.

    Parameters
    ----------
    hub
        Whose calls and events are counted from now on.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._events: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._shown = False
        hub.observers.append(self.count)
        hub.event_observers.append(lambda entry, new: self.count_events(entry.name, len(new)))

    def register(self) -> None:
        """Show the numbers on ``/metrics`` from now on."""
        try:
            prometheus_client.REGISTRY.register(self)
        except ValueError as error:  # two bridges at once in one process would give each sample twice
            log.warning("this bridge's numbers are not on /metrics: %s", error)
        else:
            self._shown = True

    def unregister(self) -> None:
        """Take back `register`."""
        if self._shown:
            prometheus_client.REGISTRY.unregister(self)
            self._shown = False

    # -- counting ----------------------------------------------------------------------------------------------

    def count(self, outcome: Outcome) -> None:
        """Add a call."""
        tally = self._tallies.get((outcome.endpoint, outcome.plugin))
        if tally is None:  # the first call to it, or one without labels of its own
            tally = self._tally(outcome.endpoint, outcome.plugin)
        statuses, status = tally.statuses, outcome.status
        if status not in statuses and (len(statuses) >= MAX_STATUSES or not 100 <= status < 600):
            status = 0
        statuses[status] = statuses.get(status, 0) + 1
        tally.buckets[bisect_left(BUCKETS, outcome.seconds)] += 1
        tally.seconds += outcome.seconds
        tally.requested += outcome.request_bytes
        tally.replied += outcome.reply_bytes

    def count_events(self, endpoint: str, number: int) -> None:
        """Add events that were new."""
        self._see(endpoint)
        self._events[endpoint if endpoint in self._seen else OTHER] += number

    def _tally(self, endpoint: str, plugin: str) -> _Tally:
        labels = self._labels(endpoint, plugin)
        if labels not in self._tallies and len(self._tallies) >= MAX_PAIRS:
            labels = OTHER, ""
        return self._tallies.setdefault(labels, _Tally())

    def _labels(self, endpoint: str, plugin: str) -> tuple[str, str]:
        if not endpoint:
            return "", ""
        entry = self._hub.registry.get(endpoint)
        if entry is not None:
            self._see(endpoint)
        if endpoint not in self._seen:
            return OTHER, ""
        plugin = unquote(plugin)
        listed = entry is not None and plugin in entry.plugins and len(plugin) <= LONGEST_PLUGIN
        return endpoint, plugin if listed else OTHER

    def _see(self, endpoint: str) -> None:
        # Who was called once, or has sent an event, keeps its label when it has gone.
        if len(self._seen) < MAX_ENDPOINTS:
            self._seen.add(endpoint)

    # -- scraping ----------------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """Yield the families; Prometheus's registry calls this."""
        calls = CounterMetricFamily(
            "orbit_calls", "Calls that the bridge has answered.", labels=("endpoint", "plugin", "status")
        )
        seconds = HistogramMetricFamily(
            "orbit_call_seconds", "Seconds from a call at the bridge to its answer.", labels=("endpoint", "plugin")
        )
        moved: Counter[tuple[str, str]] = Counter()
        for (endpoint, plugin), tally in list(self._tallies.items()):
            for status, number in list(tally.statuses.items()):
                calls.add_metric([endpoint, plugin, str(status) if status else OTHER], number)
            bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
            filled = list(zip(bounds, map(float, accumulate(tally.buckets)), strict=True))
            seconds.add_metric([endpoint, plugin], filled, tally.seconds)
            moved[endpoint, "request"] += tally.requested
            moved[endpoint, "reply"] += tally.replied
        yield calls
        yield seconds
        bodies = CounterMetricFamily(
            "orbit_bytes", "Bytes of the bodies of calls and of their answers.", labels=("endpoint", "direction")
        )
        for key, number in moved.items():
            bodies.add_metric(key, number)
        yield bodies
        events = CounterMetricFamily("orbit_events", "Events that endpoints have sent.", labels=("endpoint",))
        for endpoint, number in list(self._events.items()):
            events.add_metric([endpoint], number)
        yield events
        endpoints = GaugeMetricFamily("orbit_endpoints", "Endpoints that are connected.", labels=("state",))
        states = Counter(entry.state for entry in self._hub.registry)
        for state in STATES:
            endpoints.add_metric([state], states[state])
        yield endpoints
