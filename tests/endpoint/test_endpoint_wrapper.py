"""The script that prepares a batch job's environment: a program in Python's place writes down what it got."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from stage import wait_until

import orbit_jupyter

WRAPPER = Path(orbit_jupyter.__file__).parent / "endpoint" / "orbit-endpoint-wrapper.sh"

PYTHON = """\
#!/bin/sh
printf '%s\\n' "$@" >'{folder}/words'
env >'{folder}/environment'
{script}
"""

Run = Callable[..., "Ran"]


class Ran:
    """What came of a run: what the program got, and how it ended."""

    def __init__(self, folder: Path, done: subprocess.CompletedProcess[str]) -> None:
        self.done = done
        self.words = _lines(folder / "words")
        self.environment = dict(line.split("=", 1) for line in _lines(folder / "environment") if "=" in line)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def put_python(folder: Path, script: str = "") -> Path:
    """Put a program in Python's place."""
    folder.mkdir(exist_ok=True)
    path = folder / "python3"
    path.write_text(PYTHON.format(folder=folder, script=script))
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program is; with a blank in it, so that what isn't quoted shows."""
    return tmp_path / "a folder"


@pytest.fixture
def run(tmp_path: Path, folder: Path) -> Run:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run(*arguments: str, script: str = "", wrapper: Path = WRAPPER, **variables: str) -> Ran:
        given = {**environment, "RADICAL_ORBIT_PYTHON": str(put_python(folder, script)), **variables}
        command = ["/bin/sh", str(wrapper), *arguments]
        done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
        return Ran(folder, done)

    return run


def test_arguments_pass_through(run: Run) -> None:
    ran = run("--name", "hpc1.1", "two words", "", "*", script="exit 7")
    assert ran.words == ["-m", "orbit_jupyter.endpoint", "--name", "hpc1.1", "two words", "", "*"]
    assert (ran.done.returncode, ran.done.stderr) == (7, "")


def test_python_s_own_programs_come_first(run: Run, folder: Path) -> None:
    environment = run().environment
    assert environment["PATH"].split(":")[0] == str(folder)
    assert "RADICAL_ORBIT_PYTHON" not in environment  # it was for the wrapper alone


def test_it_takes_the_python_that_it_lies_beside(run: Run, folder: Path) -> None:
    python = put_python(folder)
    beside = python.with_name("orbit-endpoint-wrapper.sh")
    beside.write_text(WRAPPER.read_text())
    assert run("x", wrapper=beside, RADICAL_ORBIT_PYTHON="").words[-1] == "x"


def test_missing_python_says_what_to_set(run: Run, tmp_path: Path) -> None:
    ran = run(RADICAL_ORBIT_PYTHON=str(tmp_path / "none"))
    assert ran.done.returncode == 1
    assert f"there is no Python at {tmp_path / 'none'}" in ran.done.stderr
    assert "set RADICAL_ORBIT_PYTHON" in ran.done.stderr


def test_setup_is_run_in_its_shell(run: Run) -> None:
    ran = run(RADICAL_ORBIT_SETUP="export GREETING='hello you'; false")
    assert ran.environment["GREETING"] == "hello you"
    assert ran.done.returncode == 0


def test_modules_are_loaded_in_their_order(run: Run, tmp_path: Path) -> None:
    init = tmp_path / "modules" / "init"
    init.mkdir(parents=True)
    (init / "sh").write_text('module() { LOADED="$LOADED $2"; export LOADED; test "$2" != broken; }\n')
    given = {"MODULESHOME": str(init.parent), "LOADED": ""}
    assert run(RADICAL_ORBIT_MODULES="gcc openmpi/4", **given).environment["LOADED"] == " gcc openmpi/4"
    ran = run(RADICAL_ORBIT_MODULES="gcc broken", **given)
    assert ran.done.returncode == 1
    assert "module load broken failed" in ran.done.stderr


def test_missing_module_command_is_said(run: Run) -> None:
    ran = run(RADICAL_ORBIT_MODULES="gcc")
    assert ran.done.returncode == 1
    assert "there is no 'module'" in ran.done.stderr


def test_virtual_environment_is_activated(run: Run, tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "activate").write_text("export VIRTUAL_ENV=here\n")
    assert run(RADICAL_ORBIT_VENV=str(tmp_path / "venv")).environment["VIRTUAL_ENV"] == "here"
    ran = run(RADICAL_ORBIT_VENV=str(tmp_path / "other"))
    assert f"{tmp_path / 'other'}/bin/activate isn't there" in ran.done.stderr


def test_conda_environment_is_activated(run: Run, tmp_path: Path) -> None:
    conda = tmp_path / "conda"
    conda.write_text('#!/bin/sh\ntest "$3" = mine && echo "export CONDA_DEFAULT_ENV=$3"\n')
    conda.chmod(0o755)
    given = {"CONDA_EXE": str(conda)}
    assert run(RADICAL_ORBIT_CONDA="mine", **given).environment["CONDA_DEFAULT_ENV"] == "mine"
    ran = run(RADICAL_ORBIT_CONDA="other", **given)
    assert ran.done.returncode == 1
    assert "the conda environment other can't be activated" in ran.done.stderr


def test_scratch_is_the_job_s_own_and_goes_with_it(run: Run, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch space"
    ran = run(RADICAL_ORBIT_SCRATCH=str(scratch), script='test -d "$TMPDIR" && touch "$TMPDIR/file"; exit 5')
    assert Path(ran.environment["TMPDIR"]).parent == scratch
    assert ran.done.returncode == 5
    assert list(scratch.iterdir()) == []


def test_signal_reaches_the_endpoint_and_scratch_is_removed(tmp_path: Path, folder: Path) -> None:
    scratch = tmp_path / "scratch"
    script = f"trap 'exit 3' TERM; touch '{folder}/ready'; while :; do sleep 0.1; done"
    given = {"PATH": os.environ["PATH"], "RADICAL_ORBIT_PYTHON": str(put_python(folder, script))}
    given["RADICAL_ORBIT_SCRATCH"] = str(scratch)
    with subprocess.Popen(["/bin/sh", str(WRAPPER)], env=given) as process:
        wait_until((folder / "ready").exists, "the endpoint runs")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 3
    assert list(scratch.iterdir()) == []


def test_without_scratch_the_endpoint_takes_its_place(run: Run) -> None:
    ran = run(script='echo "$$ $PPID"')
    assert int(ran.done.stdout.split()[1]) == os.getpid()
