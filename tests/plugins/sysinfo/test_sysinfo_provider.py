"""What becomes of probes that fail."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from orbit_plugins.sysinfo.probe import PartialReadingError, Probe
from orbit_plugins.sysinfo.provider import SysInfoProvider


class Broken(Probe):
    name = "memory"

    def read(self) -> Any:
        raise OSError("no such memory")


class Partial(Probe):
    name = "gpus"

    def empty(self) -> list[Any]:
        return []

    def read(self) -> Any:
        raise PartialReadingError([{"id": "0"}], "one of two")


class Steady(Probe):
    name = "system"

    def read(self) -> Any:
        return {"hostname": "here"}


def test_failing_probe_leaves_the_others_and_a_reason_at_the_top() -> None:
    tree = SysInfoProvider([Steady(), Broken(), Partial()]).get_metrics()
    assert tree == {
        "errors": {"memory": "no such memory", "gpus": "one of two"},
        "system": {"hostname": "here"},
        "memory": {},
        "gpus": [{"id": "0"}],
    }
    assert next(iter(tree)) == "errors"


def test_probe_that_goes_on_failing_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    provider = SysInfoProvider([Broken()])
    with caplog.at_level(logging.WARNING):
        provider.get_metrics()
        provider.get_metrics()
    assert [record.getMessage() for record in caplog.records] == ["sysinfo can't read memory: no such memory"]
