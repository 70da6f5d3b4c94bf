"""The event with the metrics, and what it leaves out to stay within its bound."""

from __future__ import annotations

from typing import Any

import msgspec

from orbit_jupyter.protocol import MAX_EVENT
from orbit_plugins.sysinfo.event import metrics_event


def disk(number: int) -> dict[str, Any]:
    return {"mount": f"/m{number}", "device": "x" * 500, "fstype": "nfs4", "total": 2, "used": 1, "percent": 50.0}


def tree(disks: int) -> dict[str, Any]:
    return {
        "errors": {"gpus": "none"},
        "system": {"hostname": "here", "uptime": 1.5},
        "cpu": {"model": "m", "percent": 3.0, "load_avg": [0, 0, 0], "freq_mhz": None},
        "disks": [disk(number) for number in range(disks)],
        "network": [{"interface": "eth0", "ip": "192.0.2.1", "rx_bytes": 1, "tx_bytes": 2}],
        "gpus": [{"id": "0", "vendor": "AMD", "name": "n", "util_gpu": 5}],
    }


def test_metrics_that_fit_are_sent_whole() -> None:
    small = tree(2)
    assert metrics_event(12.345, small) == {"time": 12.35, "metrics": small}


def test_too_large_a_tree_loses_what_does_not_change() -> None:
    event = metrics_event(1, tree(200))
    assert event["partial"] is True
    assert len(msgspec.json.encode(event)) <= MAX_EVENT
    assert event["metrics"]["disks"][199] == {"mount": "/m199", "total": 2, "used": 1, "percent": 50.0}
    assert event["metrics"]["system"] == {"uptime": 1.5}
    assert event["metrics"]["gpus"] == [{"id": "0", "vendor": "AMD", "util_gpu": 5}]
    assert event["metrics"]["errors"] == {"gpus": "none"}


def test_tree_that_is_still_too_large_loses_its_disks_and_keeps_the_rest() -> None:
    event = metrics_event(1, tree(5000))
    assert len(msgspec.json.encode(event)) <= MAX_EVENT
    assert "disks" not in event["metrics"]
    assert event["metrics"]["cpu"]["percent"] == 3.0
    assert event["metrics"]["network"] == [{"interface": "eth0", "rx_bytes": 1, "tx_bytes": 2}]
