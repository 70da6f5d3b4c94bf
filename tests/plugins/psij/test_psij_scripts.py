"""Job scripts, as schedulers get them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orbit_plugins.psij.scheduler import directives

if TYPE_CHECKING:
    from tests.plugins.psij.conftest import Host, Scheduler


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("V100|A100", '#SBATCH --constraint="V100|A100"'),
        ("[rack1*2&rack2*4]", '#SBATCH --constraint="[rack1*2&rack2*4]"'),
        ("plain", '#SBATCH --constraint="plain"'),
        ('it\'s "odd"', '#SBATCH --constraint="it\'s \\"odd\\""'),
        (3, '#SBATCH --constraint="3"'),
        (True, "#SBATCH --constraint"),
        ("", "#SBATCH --constraint"),
        (None, None),
        (False, None),
    ],
)
@pytest.mark.asyncio
async def test_option_is_quoted_once(given: Any, line: str | None, host: Host, slurm: Scheduler) -> None:
    await host.submit(
        {"executable": "/bin/true", "custom_attributes": {"slurm.constraint": given}}, executor="slurm"
    )
    found = [one for one in slurm.script.splitlines() if "--constraint" in one]
    assert found == ([] if line is None else [line])


def test_only_directives_are_touched() -> None:
    script = """#!/bin/bash
#PBS -q "'a b'"
export X="'a b'"
echo --x="True" "'$X'"
"""
    assert directives(script) == script.replace("\"'a b'\"\nexport", '"a b"\nexport')


@pytest.mark.asyncio
async def test_directory_with_a_space_is_the_jobs(host: Host, slurm: Scheduler, tmp_path: Path) -> None:
    folder = tmp_path / "my folder"
    folder.mkdir()
    await host.submit({"executable": "/bin/true", "directory": str(folder)}, executor="slurm")
    assert f'#SBATCH --chdir="{folder}"' in slurm.script.splitlines()


@pytest.mark.parametrize("code", [0, 7, 127])
@pytest.mark.asyncio
async def test_script_ends_as_its_job_does(
    code: int, host: Host, slurm: Scheduler, program: Any, tmp_path: Path
) -> None:
    program("scontrol", "echo node1")
    await host.submit({"executable": "/bin/sh", "arguments": ["-c", f"exit {code}"]}, executor="slurm")
    script = tmp_path / "script"
    script.write_text(slurm.script)
    environment = {**os.environ, "SLURM_JOB_ID": "4711"}
    assert subprocess.run(["/bin/bash", script], env=environment, check=False, timeout=60).returncode == code
