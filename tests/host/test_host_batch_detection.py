"""Which batch system a host has, and how its operator says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbit_jupyter.host import Batch, detect
from orbit_jupyter.host.batch import system, system_of
from orbit_jupyter.protocol import PluginError


@pytest.mark.parametrize(
    ("said", "programs", "found"),
    [
        ("none", ["squeue", "qstat"], Batch("none", "local")),
        ("slurm", [], Batch("slurm", "slurm", "77")),
        ("pbs", ["squeue", "qstat"], Batch("pbs", "pbs", "5.pbs")),
        (" PBS ", [], Batch("pbs", "pbs", "5.pbs")),
        ("", ["squeue"], Batch("slurm", "slurm", "77")),
        ("", ["qstat", "qnodes"], Batch("pbs", "pbs_classic", "5.pbs")),
        ("", ["qstat", "qnodes", "pbs_rsub"], Batch("pbs", "pbs", "5.pbs")),
    ],
)
def test_variable_wins_over_what_is_on_path(said: str, programs: list[str], found: Batch) -> None:
    environ = {"RADICAL_ORBIT_BATCH": said, "SLURM_JOB_ID": "77", "PBS_JOBID": "5.pbs"}
    assert detect(environ, lambda name: name if name in programs else None) == found


def test_wrong_value_is_an_error_that_names_the_right_ones() -> None:
    with pytest.raises(
        PluginError, match=r"RADICAL_ORBIT_BATCH is 'sge'; set it to none, slurm or pbs, or unset it"
    ):
        detect({"RADICAL_ORBIT_BATCH": "sge"})


def test_path_is_that_of_the_environment(tmp_path: Path) -> None:
    program = tmp_path / "qstat"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert detect({"PATH": str(tmp_path)}).name == "pbs"
    assert detect({"PATH": str(tmp_path / "other")}).name == "none"


def test_system_is_the_one_that_is_detected() -> None:
    assert system({"RADICAL_ORBIT_BATCH": "none"}) is None
    for name in ("slurm", "pbs"):
        found = system({"RADICAL_ORBIT_BATCH": name})
        assert found is not None
        assert found.name == name


def test_system_of_another_name_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="there is slurm and pbs"):
        system_of("lsf")


@pytest.mark.parametrize("name", ["slurm", "pbs"])
def test_program_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"there is no (sinfo|qstat) on PATH of the endpoint's host"):
        system_of(name, {"PATH": str(tmp_path)}).queues()
