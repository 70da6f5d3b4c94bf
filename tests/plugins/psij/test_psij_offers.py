from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_jupyter.plugin import InvalidFieldError, ui_config_to_dict
from orbit_plugins.psij import PSIJClient, PSIJPlugin
from orbit_plugins.psij.offers import Offer, executor, launchers

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing on PATH, also where a scheduler is installed."""
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))


@pytest.mark.asyncio
async def test_each_executor_says_what_it_lacks(bare: None, host: Host) -> None:
    listed = await host.call("GET", "executors")
    assert set(listed) == {"executors", "launchers", "default", "own"}
    assert (listed["default"], listed["executors"][0]["name"]) == ("local", "local")
    by_name = {offer["name"]: offer for offer in listed["executors"]}
    assert set(by_name) >= {"local", "slurm", "pbs", "pbs_classic", "lsf", "cobalt", "flux", "rp"}
    assert by_name["local"] == {"name": "local", "available": True, "reason": None, "version": "0.0.1"}
    assert "sbatch, squeue and scancel are not on the PATH" in by_name["slurm"]["reason"]
    assert "Python module flux is not installed" in by_name["flux"]["reason"]
    for offer in listed["executors"] + listed["launchers"]:
        assert offer["available"] is (offer["reason"] is None)


def test_scheduler_on_the_path_is_available_and_what_is_missing_is_named(
    bare: None, program: Callable[[str, str], Path]
) -> None:
    ran = program("sbatch", 'echo ran > "$0.ran"')
    program("scancel", "exit 0")
    assert executor("slurm") == Offer("slurm", False, "squeue is not on the PATH of this endpoint", "0.0.1")
    program("squeue", "exit 0")
    assert executor("slurm") == Offer("slurm", True, None, "0.0.1")
    assert executor("condor") is None
    assert not ran.with_name("sbatch.ran").exists()


def test_launchers_are_listed_as_this_machine_has_them(program: Callable[[str, str], Path]) -> None:
    offers = {offer.name: offer for offer in launchers()}
    assert next(iter(offers)) == "single"
    assert offers["single"].available
    assert offers["multiple"].available
    assert offers["jrun"].reason == "jsrun is not on the PATH of this endpoint"
    program("jsrun", "exit 0")
    assert {offer.name: offer.available for offer in launchers()}["jrun"]


@pytest.mark.asyncio
async def test_executor_without_its_programs_is_422_and_says_which(bare: None, host: Host) -> None:
    with pytest.raises(
        InvalidFieldError, match=r"lsf can't be used here: bsub, bjobs and bkill are not"
    ) as refused:
        await host.submit({"executable": "/bin/true"}, executor="lsf")
    assert refused.value.field == "executor"
    assert refused.value.data["available"] == ["local"]
    assert (await host.call("GET", f"list_jobs/{host.sid}"))["jobs"] == []


def test_client_lists_executors(client: PSIJClient) -> None:
    assert client.list_executors()["executors"][0]["name"] == "local"


def test_form_takes_its_choices_from_the_route() -> None:
    (form,) = ui_config_to_dict(PSIJPlugin.ui_config)["forms"]
    field: dict[str, Any] = next(field for field in form["fields"] if field["name"] == "executor")
    assert (field["type"], field["options_endpoint"]) == ("select", "executors")
