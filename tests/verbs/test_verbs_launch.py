"""Starting an endpoint as a job of another one, which is connected."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.client import EndpointClient
from orbit_jupyter.protocol import ConflictError, OrbitError
from orbit_jupyter.verbs import Ending

if TYPE_CHECKING:
    from tests.verbs.conftest import Orbit


@pytest.fixture(autouse=True)
def nothing_is_left(orbit: Orbit) -> Iterator[None]:
    """Cancel what was launched."""
    yield
    for known in orbit.context.submitted:
        if orbit(f"status {known.job_id}").data[0]["state"] in ("QUEUED", "ACTIVE"):
            orbit(f"cancel {known.job_id}")


def test_launch_waits_until_the_endpoint_is_there(orbit: Orbit) -> None:
    outcome = orbit("launch hpc1.1 --on hpc1 -t 10m -p sysinfo")
    assert isinstance(outcome.value, EndpointClient)
    assert outcome.data["parent"] == "hpc1"
    assert [row["name"] for row in orbit("plugins --on hpc1.1").value] == ["sysinfo"]
    assert orbit.face.shown[0].startswith("endpoint hpc1.1: its job ")
    with pytest.raises(ConflictError, match=r"hpc1\.1 is connected already; %orbit use hpc1.1 works on it"):
        orbit("launch hpc1.1 --on hpc1")


def test_launch_that_is_not_waited_for_returns_its_job(orbit: Orbit) -> None:
    outcome = orbit("launch hpc1.2 --no-wait --on hpc1")
    assert outcome.value.id == outcome.data["job_id"]
    assert orbit("cancel").data[0]["job_id"] == outcome.value.id


def test_a_launched_endpoint_whose_job_ends_is_told_with_what_it_wrote(orbit: Orbit) -> None:
    with pytest.raises(OrbitError, match=r"(?s)hpc1\.3 didn't come: its job .* is FAILED.*no plugin 'nonesuch'"):
        orbit("launch hpc1.3 --on hpc1 -p nonesuch")


def test_an_interrupted_launch_is_cancelled(orbit: Orbit) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    orbit.face.on_tell = lambda _: signal.raise_signal(signal.SIGINT)
    try:
        outcome = orbit("launch hpc1.4 --on hpc1")
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.ending is Ending.INTERRUPTED
    assert outcome.value.wait(20) == "CANCELED"
