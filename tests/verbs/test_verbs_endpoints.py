"""Looking around, on a real bridge with two endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orbit_jupyter.client import BridgeClient, EndpointClient
from orbit_jupyter.protocol import EndpointNotFoundError, InvalidFieldError, NotFoundError
from orbit_jupyter.verbs import Candidates, Context, UsageMistake

if TYPE_CHECKING:
    from stage import Server

    from tests.verbs.conftest import Orbit


def test_without_a_verb_it_says_where_one_is(orbit: Orbit, lab: Server) -> None:
    told = orbit("").value
    assert (told["bridge"], told["endpoint"]) == (lab.url, None)
    assert sorted(told["endpoints"]) == ["hpc1", "hpc2"]
    assert "choose with: %orbit use NAME" in repr(told)
    orbit("use hpc2")
    assert orbit("").value["endpoint"] == "hpc2"


def test_endpoints_are_listed_with_the_one_in_use_marked(orbit: Orbit) -> None:
    orbit("use hpc1")
    outcome = orbit("endpoints")
    by_name = {row["name"]: row for row in outcome.value}
    assert by_name["hpc1"]["in_use"] is True
    assert by_name["hpc2"]["in_use"] is False
    assert sorted(by_name["hpc1"]["plugins"]) == ["psij", "sysinfo"]
    assert "hpc1 *" in repr(outcome.value)
    assert outcome.data == list(outcome.value)


def test_of_several_endpoints_one_has_to_be_chosen(orbit: Orbit) -> None:
    with pytest.raises(UsageMistake, match="hpc1, hpc2; choose with: %orbit use NAME, or give --on NAME"):
        orbit("jobs")


@pytest.mark.parametrize(
    ("connected", "used"),
    [
        (["a", "local", "b"], "local"),
        (["bridge", "a"], "a"),
        (["a", "b"], None),
        (["bridge"], None),
    ],
)
def test_what_is_in_use_where_nothing_was_chosen(orbit: Orbit, connected: list[str], used: str | None) -> None:
    assert orbit.context.in_use(connected) == used
    orbit.choice.set("chosen")
    assert orbit.context.in_use(connected) == "chosen"


def test_use_takes_only_what_is_connected_and_returns_its_client(orbit: Orbit) -> None:
    client = orbit("use hpc1").value
    assert isinstance(client, EndpointClient)
    assert client.endpoint_id == "hpc1"
    with pytest.raises(
        EndpointNotFoundError, match=r"no endpoint 'hpc9' is connected; there is (bridge, )?hpc1, hpc2"
    ):
        orbit("use hpc9")
    assert orbit.choice.get() == "hpc1"


def test_plugins_are_listed(orbit: Orbit) -> None:
    rows = {row["name"]: row for row in orbit("plugins --on hpc2").value}
    assert set(rows) == {"psij", "sysinfo"}
    assert rows["psij"]["enabled"] is True
    with pytest.raises(EndpointNotFoundError):
        orbit("plugins --on hpc9")


def test_sysinfo_gives_the_metrics_and_shows_what_matters(orbit: Orbit) -> None:
    told = orbit("sysinfo --on hpc1").value
    assert told["cpu"]["cores_logical"] >= 1
    assert told["role"]["psij_executor"]
    shown = repr(told)
    assert "GiB free" in shown
    assert str(told["cpu"]["model"])[:20] in shown


def test_tokens_are_made_listed_and_revoked_over_the_bridge(orbit: Orbit) -> None:
    made = orbit("token create hpc7 --expires 30d")
    assert made.data["name"] == "hpc7"
    assert made.text == made.data["token"]
    assert "shown this once" in orbit.face.said[0]
    listed = orbit("token list")
    assert made.data["id"] in [row["id"] for row in listed.value]
    assert made.data["token"] not in repr(listed.value)
    assert orbit("token revoke hpc7").data == [{"id": made.data["id"]}]
    with pytest.raises(NotFoundError):
        orbit("token revoke hpc7")
    with pytest.raises(InvalidFieldError):
        orbit("token create hpc7 --expires soon")


def test_completion_asks_this_bridge(orbit: Orbit) -> None:
    candidates = Candidates(orbit.context, 20)
    assert {"hpc1", "hpc2"} <= set(candidates("endpoints"))
    job = orbit("submit --on hpc1 -- true").value
    assert job.id[:8] in candidates("jobs", "hpc1")
    assert sorted(candidates("plugins", "hpc1")) == ["psij", "sysinfo"]
    assert candidates("queues", "hpc1") == []  # without queue_info nobody knows any


def test_completion_keeps_an_answer_for_a_while(orbit: Orbit) -> None:
    candidates = Candidates(orbit.context, 20)
    offered = candidates("endpoints")
    assert "hpc1" in offered
    orbit.context.close()

    def connect() -> BridgeClient:
        raise AssertionError("it asked again")

    candidates._context = Context(connect, orbit.face, orbit.choice)
    assert candidates("endpoints") == offered
